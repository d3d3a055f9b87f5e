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
import { Checks, bounded } from "../core/errors";
import type { Placement } from "../core/host";
import { imageReference } from "../core/images";
import { NAME_PATTERN } from "../core/naming";
import type { ContainerTransform } from "../core/container-transform";
import type { RotatingSecret } from "../core/secret";
import type { ServiceNetwork } from "../core/service-network";
import { MYSQL_USER, MysqlUser, NormalMysqlUser, checkAccess, normalizeMysqlUsers } from "./access-args";
import { OWNED_SETTINGS } from "./my-cnf";

export interface MysqlReplicaSetArgs {
  /** Network that the nodes join; their addresses come from it. */
  network: ServiceNetwork;

  /** Hosts to spread the nodes over. @default the network's */
  placement?: Placement;

  /** Replicas beside the source, 0 to 8. With one alone, writes wait while either of the two is away. @default 2 */
  replicas?: number;

  /**
   * Whether a commit is told to be done only when `acks` replicas have it, however long that takes: then a source that dies takes nothing along
   * that a client was told of. Without, a client waits for nobody, and the last transactions may be lost.
   *
   * @default true with replicas
   */
  semiSync?: boolean;

  /** Replicas that have to acknowledge a commit. @default 1 */
  acks?: number;

  /** Seconds that a replica may be behind and still be read from, also while its source is gone. @default 10 */
  lagSeconds?: number;

  /** Server id of the first node; the next ones count on. Sets that replicate from each other need other ones. @default 1 */
  firstServerId?: number;

  /** Databases that are there; one that is no longer named stays with its data. @default none */
  databases?: readonly string[];

  /** Users beside the server's own; they change while the nodes run. @default none */
  users?: readonly MysqlUser[];

  /** Image with `mysqld` 9, its plugins clone, semi-synchronous replication and auth_socket, and `mysql-keeper`. @default Dockyard's own */
  image?: string;

  /** `uid:gid` that the image's software runs as; the name of that user is `mysql`. @default "999:999" */
  user?: string;

  /** Port on each host's loopback for the first node; node n gets the one n − 1 behind it. Null publishes none. @default 3306 */
  port?: number | null;

  /** Memory limit of each node in MiB, 512 or more; half of it is the buffer pool, or all but 384 MiB where that is less. @default 1024 */
  memoryMiB?: number;

  /** CPUs that a node may use. @default 1 */
  cpus?: number;

  /** Settings of `my.cnf` beside or instead of those that follow from the memory limit: `{ "long_query_time": 1 }`. @default none */
  settings?: Readonly<Record<string, string | number>>;

  /** Data volumes that may be deleted, by their name on the engine. @default none */
  allowDataLoss?: readonly string[];

  /** Last word on each node's container. @default none */
  transform?: ContainerTransform;
}

const ARGUMENTS = shape<MysqlReplicaSetArgs>({
  network: NETWORK,
  placement: maybe(PLACEMENT),
  replicas: maybe(number),
  semiSync: maybe(flag),
  acks: maybe(number),
  lagSeconds: maybe(number),
  firstServerId: maybe(number),
  databases: maybe(texts),
  users: maybe(listOf(MYSQL_USER)),
  image: maybe(text),
  user: maybe(text),
  port: maybe(numberOrNull),
  memoryMiB: maybe(number),
  cpus: maybe(number),
  settings: maybe(named(either(text, number, "must be text or a number"))),
  allowDataLoss: maybe(texts),
  transform: maybe(callback),
});

export type NormalMysqlReplicaSetArgs = Required<Omit<MysqlReplicaSetArgs, "users" | "transform">> &
  Pick<MysqlReplicaSetArgs, "transform"> & { readonly users: readonly NormalMysqlUser[] };

/** Passwords by user. */
export type Passwords = Readonly<Record<string, RotatingSecret>>;

const MOST_REPLICAS = 8;
/** What the server needs before it holds a page: threads, caches, performance schema. */
const LEAST_MEMORY_MIB = 512;
/** A server id is 32 bits (MySQL Reference Manual, "server_id"); the upper half is for those who follow the log, such as BinlogSync. */
const HIGHEST_SERVER_ID = 2 ** 31 - 1;

/**
 * Fills in the defaults and refuses what cannot work.
 *
 * @throws {ConfigError} naming every fault at once.
 */
export function normalizeMysqlReplicaSetArgs(name: string, args: MysqlReplicaSetArgs): NormalMysqlReplicaSetArgs {
  checkShape(name, args, ARGUMENTS);
  const {
    placement = args.network.placement,
    replicas = 2,
    semiSync = replicas > 0,
    acks = 1,
    lagSeconds = 10,
    firstServerId = 1,
    databases = [],
    image = imageReference("mysql"),
    user = "999:999",
    port = 3306,
    memoryMiB = 1024,
    cpus = 1,
    settings = {},
    allowDataLoss = [],
    ...given
  } = args;
  const users = normalizeMysqlUsers(args.users ?? []);
  const whole = (value: number, low: number, high: number) => Number.isInteger(value) && value >= low && value <= high;

  const checks = new Checks(name)
    .that(whole(replicas, 0, MOST_REPLICAS), "replicas", replicas, `must be a whole number from 0 to ${MOST_REPLICAS}`)
    .that(
      !semiSync || replicas > 0,
      "semiSync",
      semiSync,
      "must be false without replicas: every commit would wait for one for ever; add one or set it to false",
    )
    .that(
      !semiSync || replicas === 0 || whole(acks, 1, Math.max(replicas, 1)),
      "acks",
      acks,
      `must be a whole number from 1 to ${replicas}, the replicas that there are; with more of them every commit would wait for ever`,
    )
    .that(whole(lagSeconds, 1, 3600), "lagSeconds", lagSeconds, "must be whole seconds from 1 to an hour")
    .that(
      whole(firstServerId, 1, HIGHEST_SERVER_ID - MOST_REPLICAS),
      "firstServerId",
      firstServerId,
      `must be a whole number from 1 to ${HIGHEST_SERVER_ID - MOST_REPLICAS}, so that each node has its own; those above are for BinlogSync`,
    )
    .that(NAME_PATTERN.test(name), "name", name, "must be lower-case letters, digits and inner hyphens, since the nodes are called by it")
    .that(
      port === null || (whole(port, 1, 65_535) && port + replicas <= 65_535),
      "port",
      port,
      "must leave a port up to 65535 for every node, or be null to publish none",
    )
    .that(
      whole(memoryMiB, LEAST_MEMORY_MIB, 2 ** 22),
      "memoryMiB",
      memoryMiB,
      `must be a whole number of MiB from ${LEAST_MEMORY_MIB}: the server needs some 300 before it holds a page`,
    )
    .that(cpus > 0, "cpus", cpus, "must be more than 0");
  checkSettings(checks, settings);
  checkAccess(checks, databases, users);
  checks.done();

  return {
    ...given,
    placement,
    replicas: bounded(replicas, 0, MOST_REPLICAS),
    semiSync,
    acks,
    lagSeconds,
    firstServerId,
    databases,
    users,
    image,
    user,
    port,
    memoryMiB,
    cpus,
    settings,
    allowDataLoss,
  };
}

function checkSettings(checks: Checks, settings: Readonly<Record<string, string | number>>): void {
  for (const [key, value] of Object.entries(settings)) {
    const path = `settings.${key}`;
    const plain = key.replaceAll("-", "_").replace(/^loose_/, "");
    checks
      .that(/^[a-z][a-z0-9_-]*$/.test(key), path, key, "must be called as in my.cnf, in lower case: long_query_time")
      .that(!OWNED_SETTINGS.includes(plain), path, value, "must be left out: the component sets it, and the set depends on it")
      .that(!/[\n\r]/.test(String(value)), path, value, "must be on one line");
    if (plain === "server_id") checks.that(false, path, value, "must be left out: two nodes would have the same; set firstServerId");
  }
}
