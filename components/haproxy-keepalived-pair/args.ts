import { NETWORK, PLACEMENT, anything, callback, checkShape, maybe, named, number, shape, text } from "../core/argument-shape";
import { HAPROXY, KEEPALIVED } from "./pair-shape";
import { checkEnvironment } from "../core/environment";
import { Checks, bounded } from "../core/errors";
import type { Placement } from "../core/host";
import { imageReference } from "../core/images";
import { NAME_PATTERN } from "../core/naming";
import type { ContainerTransform } from "../core/container-transform";
import type { ServiceNetwork } from "../core/service-network";
import { isWhole } from "./config-text";
import type { HaproxyArgs } from "./haproxy-args";
import { NormalHaproxy, checkHaproxy, fillHaproxy } from "./haproxy-settings";
import type { KeepalivedArgs } from "./keepalived-args";
import { NormalKeepalived, checkKeepalived, fillKeepalived } from "./keepalived-settings";

export interface HaproxyKeepalivedPairArgs {
  /** Network that the nodes join, of one host; their addresses come from it, and the one that moves lies in its subnet. */
  network: ServiceNetwork;

  /** Hosts to choose from. @default the network's */
  placement?: Placement;

  /** Nodes, 2 or more. @default 2 */
  nodes?: number;

  haproxy: HaproxyArgs;

  keepalived: KeepalivedArgs;

  /** Image with HAProxy and keepalived under a supervisor, `nft`, and the scripts of `/opt/pair` as in images/haproxy-keepalived. @default Dockyard's own */
  image?: string;

  /** Memory limit of each node in MiB. @default 256 */
  memoryMiB?: number;

  /** CPUs that a node may use; HAProxy's threads must leave something of them for keepalived. @default 2 */
  cpus?: number;

  /** Seconds that HAProxy has for the connections in flight when its node stops, after the address has moved. @default 5 */
  drainSeconds?: number;

  /** Environment of every node. @default none */
  environment?: Readonly<Record<string, string>>;

  /** Last word on each node's container. @default none */
  transform?: ContainerTransform;
}

const ARGUMENTS = shape<HaproxyKeepalivedPairArgs>({
  network: NETWORK,
  placement: maybe(PLACEMENT),
  nodes: maybe(number),
  haproxy: HAPROXY,
  keepalived: KEEPALIVED,
  image: maybe(text),
  memoryMiB: maybe(number),
  cpus: maybe(number),
  drainSeconds: maybe(number),
  environment: maybe(named(anything)),
  transform: maybe(callback),
});

type Optional = "transform";
type Parsed = "haproxy" | "keepalived";
export type NormalHaproxyKeepalivedPairArgs = Required<Omit<HaproxyKeepalivedPairArgs, Optional | Parsed | "nodes">> &
  Pick<HaproxyKeepalivedPairArgs, Optional> & {
    readonly haproxy: NormalHaproxy;
    readonly keepalived: NormalKeepalived;
    /** In order, each with its static address. */
    readonly nodes: readonly PairNode[];
    /** Every address that moves, the first instance's first. */
    readonly virtualAddresses: readonly [string, ...string[]];
  };

export interface PairNode {
  readonly name: string;
  readonly address: string;
}

/**
 * Fills in the defaults and refuses what cannot work.
 *
 * @throws {ConfigError} naming every fault at once.
 */
export function normalizeHaproxyKeepalivedPairArgs(name: string, args: HaproxyKeepalivedPairArgs): NormalHaproxyKeepalivedPairArgs {
  checkShape(name, args, ARGUMENTS);
  const {
    placement = args.network.placement,
    nodes: count = 2,
    image = imageReference("haproxy-keepalived"),
    memoryMiB = 256,
    cpus = 2,
    drainSeconds = 5,
    environment = {},
    ...given
  } = args;
  const names = Array.from({ length: bounded(count, 0, 10) }, (_, index) => `${name}-${index + 1}`);
  // First, so that an address that moves is seen to be a node's own.
  const addresses = args.network.addressesOf(name, names.length);
  const haproxy = fillHaproxy(args.haproxy);
  const keepalived = fillKeepalived(args.keepalived, names);

  const checks = new Checks(name)
    .that(NAME_PATTERN.test(name), "name", name, "must be lower-case letters, digits and inner hyphens, since the nodes are called by it")
    .that(
      isWhole(count, 2, 10),
      "nodes",
      count,
      "must be a whole number from 2, since an address that one node alone holds cannot move, to 10",
    )
    .that(memoryMiB >= 128, "memoryMiB", memoryMiB, "must be 128 or more: after a reload two workers run until old connections have ended")
    .that(cpus > 0, "cpus", cpus, "must be more than 0")
    .that(isWhole(drainSeconds, 1, 600), "drainSeconds", drainSeconds, "must be 1 to 600 seconds");
  checkEnvironment(checks, environment);
  checkHaproxy(checks, haproxy, cpus);
  checkKeepalived(checks, keepalived, names.length);
  checkPublishedPorts(checks, haproxy, names.length);
  const virtualAddresses = claimAddresses(checks, name, args.network, keepalived);
  checks.done();

  return {
    ...given,
    placement,
    nodes: names.map((node, index) => ({ name: node, address: addresses[index] ?? "" })),
    image,
    memoryMiB,
    cpus,
    drainSeconds,
    environment,
    haproxy,
    keepalived,
    virtualAddresses: virtualAddresses as [string, ...string[]],
  };
}

/** The ports on the nodes' hosts: every node has one of each, so each takes as many in a row as there are nodes. */
function checkPublishedPorts(checks: Checks, { frontends, listens, stats }: NormalHaproxy, nodes: number): void {
  const holders = new Map<number, string>();
  const ranges = [
    { path: "haproxy.stats.publishedPort", first: stats.publishedPort },
    ...Object.entries(frontends).map(([name, each]) => ({ path: `haproxy.frontends.${name}.publishedPort`, first: each.publishedPort })),
    ...Object.entries(listens).map(([name, each]) => ({ path: `haproxy.listens.${name}.publishedPort`, first: each.publishedPort })),
  ];
  for (const { path, first } of ranges) {
    if (first === undefined || first === null) continue;
    const ports = Array.from({ length: nodes }, (_, index) => first + index);
    const holder = ports.flatMap((port) => holders.get(port) ?? [])[0];
    checks
      .that(isWhole(first, 1, 65_536 - nodes), path, first, "must leave a port from 1 to 65535 for every node")
      .that(
        holder === undefined,
        path,
        first,
        `must leave a port of its own for each of the ${nodes} nodes, but ${holder} takes one of them`,
      );
    for (const port of ports) holders.set(port, path);
  }
}

function claimAddresses(checks: Checks, name: string, network: ServiceNetwork, { instances }: NormalKeepalived): string[] {
  return Object.entries(instances).flatMap(([instance, { addresses }]) =>
    addresses.map(({ address }, index) => {
      network.claimVirtualAddress(checks, `keepalived.instances.${instance}.addresses[${index}]`, name, address);
      return address;
    }),
  );
}
