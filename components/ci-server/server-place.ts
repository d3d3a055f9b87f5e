import type * as pulumi from "@pulumi/pulumi";
import type { Endpoint } from "../core/endpoint";
import type { GitListener } from "../index";

/** Passwords by user. */
export type Passwords = Readonly<Record<string, pulumi.Output<string>>>;

/** What every engine's server is told: its name, where it is reached, and by whom. */
export interface ServerPlace {
  /** Name of the component. */
  readonly name: string;

  /** Web page on the service network. */
  readonly endpoint: Endpoint;

  /** The same on the host. */
  readonly published: Endpoint;
  readonly passwords: Passwords;
}

/** What an engine's server tells of itself. */
export interface CreatedServer {
  readonly listeners: readonly GitListener[];
}
