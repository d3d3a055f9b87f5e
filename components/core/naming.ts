import * as pulumi from "@pulumi/pulumi";
import { ConfigError } from "./errors";

/**
 * Value of the label `dockyard.stack`, and the first part of every name on an engine, so that stacks do not meet on one host. Two whose names
 * join to the same, stack `a-dev` of project `shop` and stack `dev` of project `shop-a`, do: `npm run up` refuses the second.
 */
export function stackId(): string {
  return `${pulumi.getProject()}-${pulumi.getStack()}`;
}

/** Name on the engine of a container, volume or network that the program calls `logicalName`. */
export function engineName(logicalName: string): string {
  return `${stackId()}-${logicalName}`;
}

/**
 * What a component's nodes, volumes and keys are called by: its name, or after a rename the one that it was made under, which the last of its
 * `aliases` has.
 *
 * Members of a cluster know each other by their names and find their data by it, so a rename leaves all of them as they are. The alias has to
 * stay: without it the program asks for another component, which is empty.
 *
 * @throws {ConfigError} for an alias that is known only while the deployment runs.
 */
export function nameOnEngines(name: string, { aliases = [] }: pulumi.ComponentResourceOptions = {}): string {
  const former = aliases.flatMap((alias, index) => formerName(`${name}.aliases[${index}]`, alias));
  return former[former.length - 1] ?? name;
}

/** The name in an alias, none where it is of another parent or project alone. A URN ends in the name. */
function formerName(path: string, alias: pulumi.Input<pulumi.URN | pulumi.Alias>): string[] {
  const remedy = "must be a text or an object with a text as its name: names on the engines come of it";
  if (typeof alias === "string") return [alias.slice(alias.lastIndexOf("::") + "::".length)];
  if (pulumi.Output.isInstance(alias) || alias instanceof Promise) throw new ConfigError([{ path, value: "an output", remedy }]);
  const { name } = alias;
  if (name === undefined) return [];
  if (typeof name !== "string") throw new ConfigError([{ path: `${path}.name`, value: "an output", remedy }]);
  return [name];
}

/** What every object on an engine says of itself; `node` is left out where the object belongs to a whole component. */
export function ownershipLabels(component: string, node?: string): { label: string; value: string }[] {
  return [
    { label: "dockyard.stack", value: stackId() },
    { label: "dockyard.component", value: component },
    ...(node === undefined ? [] : [{ label: "dockyard.node", value: node }]),
  ];
}

/** Arguments that make `docker ps` print a component's containers, their names or what `format` says. */
export function nodeFilters(component: string, format = "{{.Names}}"): string[] {
  const labels = [`dockyard.stack=${stackId()}`, `dockyard.component=${component}`, "dockyard.node"];
  return [...labels.flatMap((label) => ["--filter", `label=${label}`]), "--format", format];
}

/**
 * Names that become part of container names, DNS names and Consul keys.
 *
 * RFC 1123, section 2.1, in lower case: letters, digits and inner hyphens.
 */
export const NAME_PATTERN = /^[a-z0-9]([a-z0-9-]{0,48}[a-z0-9])?$/;

/** Names of repositories, and of jobs and their steps: folders are called by them, and no shell, pattern or URL takes them for something else. */
export const REPOSITORY_PATTERN = /^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$/;
export const REPOSITORY_REMEDY = "must be 1 to 64 lower-case letters, digits, '.', '_' and '-' with a letter or digit at both ends";

/** Whether git takes it for a branch, less what needs care elsewhere. */
export function isBranch(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._/-]{0,99}$/.test(name) && !/\.\.|\/\/|[./]$|\.lock$/.test(name);
}
