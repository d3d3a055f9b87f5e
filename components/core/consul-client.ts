import type * as pulumi from "@pulumi/pulumi";
import { Endpoint } from "./endpoint";
import { shellCommand } from "./shell";

/** One Consul server and how its own client is run. */
export interface ConsulServer {
  /** Argument array that begins every docker command for its host. */
  readonly docker: readonly string[];

  /** Name of its container on the engine. */
  readonly container: string;

  /** HTTP API on the service network. */
  readonly endpoint: Endpoint;
}

/** A way to a Consul cluster, for components that write to it, follow it or are found through it. */
export class ConsulClient {
  /**
   * @param servers Servers to ask, the first that answers wins; at most the first three, so that growing the cluster changes no client.
   * @param ready What must exist before the cluster can be asked.
   */
  constructor(
    readonly servers: readonly [ConsulServer, ...ConsulServer[]],
    readonly ready: readonly pulumi.Resource[],
  ) {}

  get endpoints(): readonly Endpoint[] {
    return this.servers.map(({ endpoint }) => endpoint);
  }

  /** The servers in the order in which to ask them to keep the checks of the instance with this 0-based index: its home server first. */
  fromHome(index: number): readonly ConsulServer[] {
    const home = index % this.servers.length;
    return [...this.servers.slice(home), ...this.servers.slice(0, home)];
  }

  /**
   * Shell function `consul`, which runs Consul's client inside the first server that answers.
   *
   * A refusal by one server is tried on the next: it may only have lost its leader.
   */
  get shellFunction(): string {
    const attempts = this.servers.map(({ docker, container }) => `said=$(${shellCommand(docker)} exec ${container} consul "$@" 2>&1)`);
    return `consul() { ${attempts.join(" || ")} || { echo "no Consul server answers: $said" >&2; return 1; }; }`;
  }
}
