/** What a program of the table of changes is given for each of its components. */
import * as pulumi from "@pulumi/pulumi";
import type { ContainerArgs } from "@pulumi/docker/container";
import { Host, Placement, ServiceNetwork } from "../../../../components";

interface Given {
  /** Arguments of the component, as they are. */
  readonly args: Readonly<Record<string, unknown>>;

  /** Environment and labels that its transform adds, for what the component has no argument for. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
}

const config = new pulumi.Config("dockyard");
const components = config.requireObject<Readonly<Record<string, Given>>>("components");

/** Whether the stack has a component. */
export function has(component: string): boolean {
  return component in components;
}

/**
 * Arguments of a component, and its transform.
 *
 * @param always Environment that the transform adds in any case.
 */
export function given<Args extends object>(component: string, always: Readonly<Record<string, string>> = {}): Args {
  const { args = {}, environment: changed = {}, labels = {} } = components[component] ?? {};
  const environment = { ...always, ...changed };
  const transform = (own: Readonly<ContainerArgs>): Partial<ContainerArgs> => ({
    envs: [...(own.envs as string[]), ...Object.entries(environment).map(([name, value]) => `${name}=${value}`)],
    labels: [...(own.labels as { label: string; value: string }[]), ...Object.entries(labels).map(([label, value]) => ({ label, value }))],
  });
  return { ...args, transform } as unknown as Args;
}

/** Options of all components: where the stack says so they lie in a component of the user's own, and are known by where they lay before. */
export const placed: pulumi.ComponentResourceOptions =
  config.getBoolean("moved") === true
    ? { parent: new pulumi.ComponentResource("test:index:Team", "team"), aliases: [{ parent: pulumi.rootStackResource }] }
    : {};

/** The network of all. */
export function serviceNetwork(): ServiceNetwork {
  const { subnet, addresses } = config.requireObject<{ subnet: string; addresses: Readonly<Record<string, string>> }>("network");
  return new ServiceNetwork("services", { placement: new Placement([new Host({ name: "local" })]), subnet, addresses }, placed);
}
