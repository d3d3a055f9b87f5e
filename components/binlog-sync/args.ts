import type { Output } from "@pulumi/pulumi";
import {
  NETWORK,
  PLACEMENT,
  anything,
  callback,
  checkShape,
  instanceOf,
  listOf,
  maybe,
  named,
  number,
  shape,
  text,
} from "../core/argument-shape";
import type { Endpoint } from "../core/endpoint";
import { Checks } from "../core/errors";
import type { Placement } from "../core/host";
import { imageReference } from "../core/images";
import { NAME_PATTERN } from "../core/naming";
import { checkGivenSecret } from "../core/secret";
import type { ContainerTransform } from "../core/container-transform";
import type { ServiceNetwork } from "../core/service-network";
import {
  NormalSyncedTables,
  SYNCED_INDEX,
  SYNCED_TABLES,
  SyncedIndex,
  SyncedTables,
  checkIndices,
  checkTables,
  normalizeTables,
} from "./tables-args";

/** Servers of MySQL of which one takes writes, and who reads them. */
export interface SyncSource {
  /** All servers that may come to take writes; which one does is asked of them. */
  readonly endpoints: readonly Endpoint[];

  /** Who has `REPLICATION SLAVE` on everything and `SELECT` on the tables. */
  readonly user: string;

  /** Password, a secret; another one is read when the service connects next. */
  readonly password: Output<string>;
}

export interface BinlogSyncArgs {
  /** Network that the service joins; its address comes from it. */
  network: ServiceNetwork;

  /** Host that it runs on, the first of several. @default the network's */
  placement?: Placement;

  /** Servers that are followed, MySQL 8 or later with `gtid_mode = ON`, `binlog_row_image = FULL` and `binlog_row_metadata = FULL`. */
  source: SyncSource;

  /** Nodes of Elasticsearch 7.17 or later, without logins. */
  elasticsearch: readonly Endpoint[];

  /** Which tables lead to which index. */
  tables: readonly SyncedTables[];

  /** How indices are made, by name. @default as the cluster makes them */
  indices?: Readonly<Record<string, SyncedIndex>>;

  /** Image with `binlog-sync`. @default Dockyard's own */
  image?: string;

  /** `uid:gid` that it runs as. @default "10003:10003" */
  user?: string;

  /** Memory limit in MiB. @default 256 */
  memoryMiB?: number;

  /** CPUs that it may use. @default 1 */
  cpus?: number;

  /** Last word on the container. @default none */
  transform?: ContainerTransform;
}

const ENDPOINTS = listOf(instanceOf("Endpoint", "host", "port"));

const ARGUMENTS = shape<BinlogSyncArgs>({
  network: NETWORK,
  placement: maybe(PLACEMENT),
  // A password in clear is told by its own check.
  source: shape<SyncSource>({ endpoints: ENDPOINTS, user: text, password: anything }),
  elasticsearch: ENDPOINTS,
  tables: listOf(SYNCED_TABLES),
  indices: maybe(named(SYNCED_INDEX)),
  image: maybe(text),
  user: maybe(text),
  memoryMiB: maybe(number),
  cpus: maybe(number),
  transform: maybe(callback),
});

export type NormalBinlogSyncArgs = Required<Omit<BinlogSyncArgs, "tables" | "transform">> &
  Pick<BinlogSyncArgs, "transform"> & { readonly tables: readonly NormalSyncedTables[] };

/** Two batches that are on their way, the log's events before them, and the program. */
const LEAST_MEMORY_MIB = 96;

/**
 * Fills in the defaults and refuses what cannot work.
 *
 * @throws {ConfigError} naming every fault at once.
 */
export function normalizeBinlogSyncArgs(name: string, args: BinlogSyncArgs): NormalBinlogSyncArgs {
  checkShape(name, args, ARGUMENTS);
  const {
    placement = args.network.placement,
    indices = {},
    image = imageReference("binlog-sync"),
    user = "10003:10003",
    memoryMiB = 256,
    cpus = 1,
    ...given
  } = args;
  const tables = normalizeTables(args.tables);
  const checks = new Checks(name)
    .that(
      NAME_PATTERN.test(name),
      "name",
      name,
      "must be lower-case letters, digits and inner hyphens, since its container and the index of its position are called by it",
    )
    .that(given.source.endpoints.length > 0, "source.endpoints", [], "must name a server, such as the endpoints of a MysqlReplicaSet")
    .that(given.source.user !== "", "source.user", given.source.user, "must be a user of the servers")
    .that(given.elasticsearch.length > 0, "elasticsearch", [], "must name a node, such as the endpoints of an EsCluster")
    .that(
      memoryMiB >= LEAST_MEMORY_MIB,
      "memoryMiB",
      memoryMiB,
      `must be ${LEAST_MEMORY_MIB} or more: batches of 4 MiB are read while others are written`,
    )
    .that(cpus > 0, "cpus", cpus, "must be more than 0");
  checkGivenSecret(checks, "source.password", given.source.password);
  checkTables(checks, tables);
  checkIndices(checks, indices, tables);
  checks.done();
  return { ...given, placement, tables, indices, image, user, memoryMiB, cpus };
}
