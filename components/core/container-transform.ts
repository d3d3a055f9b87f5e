import type { ContainerArgs } from "@pulumi/docker/container";
import { reportFaults } from "./errors";

/** Escape hatch: gets the arguments as they would be used and returns what to add or change: limits, log, DNS; more environment, labels and tmpfs. */
export type ContainerTransform = (args: Readonly<ContainerArgs>) => Partial<ContainerArgs>;

/** What a transform may change: nothing by which the container would be another one, less hardened or not of the component. */
const TRANSFORMABLE = [
  "cpuPeriod",
  "cpuQuota",
  "cpuSet",
  "cpuShares",
  "cpus",
  "destroyGraceSeconds",
  "dns",
  "dnsOpts",
  "dnsSearches",
  "domainname",
  "envs",
  "hosts",
  "init",
  "labels",
  "logDriver",
  "logOpts",
  "memory",
  "memoryReservation",
  "memorySwap",
  "shmSize",
  "stopTimeout",
  "storageOpts",
  "tmpfs",
  "ulimits",
] as const satisfies readonly (keyof ContainerArgs)[];

/**
 * What a transform changes of a container's arguments.
 *
 * @throws {ConfigError} when it overrides what the component owns, or drops what the component has set.
 */
export function transformed(name: string, args: ContainerArgs, transform?: ContainerTransform): Partial<ContainerArgs> {
  const changes = transform?.(args) ?? {};
  const free: readonly string[] = TRANSFORMABLE;
  const owned = (Object.keys(changes) as (keyof ContainerArgs)[]).filter((key) => !free.includes(key) && changes[key] !== args[key]);
  const faults = owned.map((key) => ({
    path: `${name}.transform.${key}`,
    value: changes[key],
    remedy: `must be left alone: the component owns it, and has an argument of its own where it can be another; a transform may change ${free.join(", ")}`,
  }));
  const lostOwn = { envs: lostEnvironment(args, changes), labels: lostLabels(args, changes), tmpfs: lostTmpfs(args, changes) };
  for (const [key, lost] of Object.entries(lostOwn)) {
    const remedy = `must keep the component's own beside what it adds, but lacks ${lost.join(", ")}; spread args.${key} into it`;
    if (lost.length > 0) faults.push({ path: `${name}.transform.${key}`, value: changes[key as keyof typeof lostOwn], remedy });
  }
  reportFaults(faults);
  return changes;
}

/** What is an output cannot be looked into. */
function lostEnvironment({ envs: own }: ContainerArgs, { envs: changed }: Partial<ContainerArgs>): unknown[] {
  return Array.isArray(own) && Array.isArray(changed) ? own.filter((each) => !changed.includes(each)) : [];
}

/** A container is found by its labels, so another value of one of them loses it as well. */
function lostLabels({ labels: own }: ContainerArgs, { labels: changed }: Partial<ContainerArgs>): string[] {
  if (!isPlain(own) || !isPlain(changed)) return [];
  const values = (name: string) => changed.filter(({ label }) => label === name).map(({ value }) => value);
  return own.filter(({ label, value }) => values(label).join("\n") !== value).map(({ label }) => label);
}

/** What is an output cannot be looked into. */
function isPlain(labels: ContainerArgs["labels"]): labels is { label: string; value: string }[] {
  return (
    Array.isArray(labels) && labels.every((each) => "label" in each && typeof each.label === "string" && typeof each.value === "string")
  );
}

function lostTmpfs({ tmpfs: own = {} }: ContainerArgs, { tmpfs: changed }: Partial<ContainerArgs>): string[] {
  return changed === undefined ? [] : Object.keys(own).filter((path) => !(path in changed));
}
