import {
  NETWORK,
  PLACEMENT,
  callback,
  checkShape,
  either,
  flag,
  listOf,
  maybe,
  named,
  number,
  numberOrNull,
  shape,
  text,
  texts,
} from "../core/argument-shape";
import { Checks } from "../core/errors";
import type { Placement } from "../core/host";
import { imageReference } from "../core/images";
import { NAME_PATTERN } from "../core/naming";
import type { ContainerTransform } from "../core/container-transform";
import type { ServiceNetwork } from "../core/service-network";
import { ES_NODE, EsNode, NormalEsNode, checkNodes, normalizeNodes } from "./node-args";
import { EsIndexTemplate, INDEX_TEMPLATE, NormalIndexTemplate, checkTemplates, normalizeTemplates } from "./template-args";

export interface EsClusterArgs {
  /** Network that the nodes join; their addresses come from it. */
  network: ServiceNetwork;

  /** Hosts to spread the nodes over. @default the network's */
  placement?: Placement;

  /** How many like nodes, or each node with its roles; the first forms the cluster. @default 3 */
  nodes?: number | readonly EsNode[];

  /** Name that the nodes know each other's cluster by. @default "cell" */
  clusterName?: string;

  /**
   * Image with Elasticsearch under /usr/share/elasticsearch as the official ones have it, `curl` and `/bin/sh`, whose user may write its folders
   * `data` and `snapshots`. @default Dockyard's own, which is 7.17.28 without X-Pack
   */
  image?: string;

  /** Version of Elasticsearch in the image: 7.17, 8 or 9, by which its settings differ. @default "7.17.28" */
  version?: string;

  /** `uid:gid` that the image's software runs as. @default "1000:1000" */
  user?: string;

  /** Port on each host's loopback for HTTP to the first node; node n gets the one n − 1 behind it. Null publishes none. @default 9200 */
  httpPort?: number | null;

  /** Memory limit of each node in MiB. @default 1024 */
  memoryMiB?: number;

  /** Java heap of each node in MiB, at most half of the limit: the rest is for the file system's cache, threads and buffers. @default half of the limit */
  heapMiB?: number;

  /** CPUs that a node may use. @default 1 */
  cpus?: number;

  /** Templates by name, kept as `<component>-<name>`; they change while the nodes run. @default none */
  indexTemplates?: Readonly<Record<string, EsIndexTemplate>>;

  /**
   * Whether there is a repository `snapshots` on a volume of its own, which all nodes mount: they have to be on one host.
   * @default true where they are
   */
  snapshots?: boolean;

  /** Data volumes that may be deleted, by their name on the engine. @default none */
  allowDataLoss?: readonly string[];

  /** Last word on each node's container. @default none */
  transform?: ContainerTransform;
}

const ARGUMENTS = shape<EsClusterArgs>({
  network: NETWORK,
  placement: maybe(PLACEMENT),
  nodes: maybe(
    either(number, listOf(ES_NODE), "must be how many nodes there are, or a list of nodes with their roles: master, data, ingest"),
  ),
  clusterName: maybe(text),
  image: maybe(text),
  version: maybe(text),
  user: maybe(text),
  httpPort: maybe(numberOrNull),
  memoryMiB: maybe(number),
  heapMiB: maybe(number),
  cpus: maybe(number),
  indexTemplates: maybe(named(INDEX_TEMPLATE)),
  snapshots: maybe(flag),
  allowDataLoss: maybe(texts),
  transform: maybe(callback),
});

type Own = "nodes" | "indexTemplates" | "transform";
export type NormalEsClusterArgs = Required<Omit<EsClusterArgs, Own>> &
  Pick<EsClusterArgs, "transform"> & {
    readonly nodes: readonly NormalEsNode[];
    readonly indexTemplates: Readonly<Record<string, NormalIndexTemplate>>;

    /** First part of the version. */
    readonly major: number;
  };

const OWN_VERSION = "7.17.28";
/** Above it the JVM needs longer pointers, and a larger heap holds less. */
const MOST_HEAP_MIB = 31 * 1024;
const LEAST_HEAP_MIB = 128;

/**
 * Fills in the defaults and refuses what cannot work.
 *
 * @throws {ConfigError} naming every fault at once.
 */
export function normalizeEsClusterArgs(name: string, args: EsClusterArgs): NormalEsClusterArgs {
  checkShape(name, args, ARGUMENTS);
  const {
    placement = args.network.placement,
    nodes: given = 3,
    clusterName = "cell",
    image = imageReference("elasticsearch"),
    version = OWN_VERSION,
    user = "1000:1000",
    httpPort = 9200,
    memoryMiB = 1024,
    heapMiB = Math.floor(memoryMiB / 2),
    cpus = 1,
    snapshots = placement.hosts.length === 1,
    allowDataLoss = [],
    ...rest
  } = args;
  const nodes = normalizeNodes(given);
  const indexTemplates = normalizeTemplates(args.indexTemplates ?? {});

  const checks = new Checks(name);
  checkNodes(checks, given, nodes);
  checks
    .that(NAME_PATTERN.test(name), "name", name, "must be lower-case letters, digits and inner hyphens, since the nodes are called by it")
    .that(
      /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(clusterName),
      "clusterName",
      clusterName,
      "must be 1 to 64 letters, digits, '.', '_' and '-'",
    )
    .that(/^(7\.17|8\.\d+|9\.\d+)(\.\d+)?$/.test(version), "version", version, "must be 7.17, 8.x or 9.x, such as 8.19.5")
    .that(
      args.image !== undefined || version === OWN_VERSION,
      "version",
      version,
      `must be ${OWN_VERSION} in Dockyard's own image; name the image that has another one in the argument image`,
    )
    .that(
      httpPort === null || (Number.isInteger(httpPort) && httpPort >= 1 && httpPort + nodes.length - 1 <= 65_535),
      "httpPort",
      httpPort,
      "must leave a port up to 65535 for every node, or be null to publish none",
    )
    .that(
      Number.isInteger(heapMiB) && heapMiB >= LEAST_HEAP_MIB && heapMiB <= MOST_HEAP_MIB,
      "heapMiB",
      heapMiB,
      `must be a whole number from ${LEAST_HEAP_MIB} to ${MOST_HEAP_MIB}`,
    )
    .that(
      heapMiB * 2 <= memoryMiB,
      "heapMiB",
      heapMiB,
      `must be at most half of memoryMiB (${memoryMiB}), the other half is for the file system's cache, threads and buffers; raise memoryMiB or lower it`,
    )
    .that(cpus > 0, "cpus", cpus, "must be more than 0")
    .that(
      !snapshots || placement.hosts.length === 1,
      "snapshots",
      snapshots,
      `must be false with nodes on ${placement.hosts.length} hosts: every node has to mount the same repository; use one elsewhere`,
    );
  checkTemplates(checks, indexTemplates);
  checks.done();

  return {
    ...rest,
    placement,
    nodes,
    clusterName,
    image,
    version,
    major: Number(version.split(".")[0]),
    user,
    httpPort,
    memoryMiB,
    heapMiB,
    cpus,
    indexTemplates,
    snapshots,
    allowDataLoss,
  };
}
