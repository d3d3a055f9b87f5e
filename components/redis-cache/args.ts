import {
  NETWORK,
  PLACEMENT,
  callback,
  checkShape,
  listOf,
  maybe,
  number,
  numberOrNull,
  oneOf,
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
import { NormalRedisUser, RedisUser, USERS, checkUsers, normalizeUsers } from "./access-args";
import type { BloomEngine, Persistence } from "./redis-conf";

/** A Bloom filter: it says of an item that it was never added, or that it probably was. */
export interface RedisBloomFilter {
  /** Key of the filter. */
  readonly name: string;

  /** Share of the items that were never added of which it says that they were: above 0, below 1. */
  readonly errorRate: number;

  /** Items that it is made for; one that gets more grows by further layers, and keeps its error rate. */
  readonly capacity: number;
}

export type MaxmemoryPolicy = (typeof POLICIES)[number];

export interface RedisCacheArgs {
  /** Network that the servers join; their addresses come from it, and the Sentinels' from those of `<name>-sentinel`. */
  network: ServiceNetwork;

  /** Hosts to spread the servers over, and the Sentinels. @default the network's */
  placement?: Placement;

  /** Copies of the primary, 0 to 5; with any of them, three Sentinels choose a new primary when it dies. @default 0 */
  replicas?: number;

  /** Seconds without an answer after which the Sentinels count a server as dead. @default 3 */
  downAfterSeconds?: number;

  /** Replicas that must be there for the primary to take writes, so that one which is cut off takes none. @default 1 with two replicas or more, else 0 */
  minReplicas?: number;

  /** Users beside the component's own; they change while the servers run. @default none */
  users?: readonly RedisUser[];

  /** Bloom filters that are there after `up`; one that is no longer named stays. @default none */
  filters?: readonly RedisBloomFilter[];

  /** What serves the filters: RedisBloom's commands, or the component's own functions of the same names for a server that has no such module. @default "functions" */
  bloom?: BloomEngine;

  /** Path of RedisBloom's library in the image, for `bloom: "module"`. @default "/usr/local/lib/redis/modules/redisbloom.so", that of the official image */
  bloomModule?: string;

  /** What outlives a restart: all but the last second, snapshots every minute to hour, or nothing. It changes while the servers run. @default "appendonly" */
  persistence?: Persistence;

  /** Memory limit of each server in MiB. @default 256 */
  memoryMiB?: number;

  /** Share of the memory limit that the data may take; the rest is for connections, replication and snapshots. @default 0.6 */
  maxmemoryShare?: number;

  /** What goes when the data has taken its share; `allkeys-…` cannot spare filters. @default "allkeys-lru", or "volatile-lru" with filters */
  maxmemoryPolicy?: MaxmemoryPolicy;

  /** CPUs that a server may use. @default 1 */
  cpus?: number;

  /** Port on each host's loopback for the first server; server n gets the one n − 1 behind it. Null publishes none. @default 6379 */
  port?: number | null;

  /** Image with `redis-server` and `redis-cli` 7 or later on the path, whose user may write /data. @default Dockyard's own */
  image?: string;

  /** `uid:gid` that the image's software runs as. @default "6379:6379" */
  user?: string;

  /** Data volumes that may be deleted, by their name on the engine. @default none */
  allowDataLoss?: readonly string[];

  /** Last word on each server's and Sentinel's container. @default none */
  transform?: ContainerTransform;
}

const POLICIES = [
  "noeviction",
  "allkeys-lru",
  "allkeys-lfu",
  "allkeys-random",
  "volatile-lru",
  "volatile-lfu",
  "volatile-random",
  "volatile-ttl",
] as const;

const ARGUMENTS = shape<RedisCacheArgs>({
  network: NETWORK,
  placement: maybe(PLACEMENT),
  replicas: maybe(number),
  downAfterSeconds: maybe(number),
  minReplicas: maybe(number),
  users: maybe(USERS),
  filters: maybe(listOf(shape<RedisBloomFilter>({ name: text, errorRate: number, capacity: number }))),
  bloom: maybe(oneOf(["functions", "module"])),
  bloomModule: maybe(text),
  persistence: maybe(oneOf(["none", "snapshot", "appendonly"])),
  memoryMiB: maybe(number),
  maxmemoryShare: maybe(number),
  maxmemoryPolicy: maybe(oneOf(POLICIES)),
  cpus: maybe(number),
  port: maybe(numberOrNull),
  image: maybe(text),
  user: maybe(text),
  allowDataLoss: maybe(texts),
  transform: maybe(callback),
});

export type NormalRedisCacheArgs = Required<Omit<RedisCacheArgs, "transform" | "users">> &
  Pick<RedisCacheArgs, "transform"> & { readonly users: readonly NormalRedisUser[] };

/** Passwords by user; those of the component's own users among them. */
export type Passwords = Readonly<Record<string, RotatingSecret>>;

/**
 * Fills in the defaults and refuses what cannot work.
 *
 * @throws {ConfigError} naming every fault at once.
 */
export function normalizeRedisCacheArgs(name: string, args: RedisCacheArgs): NormalRedisCacheArgs {
  checkShape(name, args, ARGUMENTS);
  const {
    placement = args.network.placement,
    replicas = 0,
    downAfterSeconds = 3,
    minReplicas = replicas >= 2 ? 1 : 0,
    users = [],
    filters = [],
    bloom = "functions",
    bloomModule = "/usr/local/lib/redis/modules/redisbloom.so",
    persistence = "appendonly",
    memoryMiB = 256,
    maxmemoryShare = 0.6,
    maxmemoryPolicy = filters.length > 0 ? "volatile-lru" : "allkeys-lru",
    cpus = 1,
    port = 6379,
    image = imageReference("redis"),
    user = "6379:6379",
    allowDataLoss = [],
    ...given
  } = args;
  const normal: NormalRedisCacheArgs = {
    ...given,
    placement,
    replicas,
    downAfterSeconds,
    minReplicas,
    users: normalizeUsers(users, bloom),
    filters,
    bloom,
    bloomModule,
    persistence,
    memoryMiB,
    maxmemoryShare,
    maxmemoryPolicy,
    cpus,
    port,
    image,
    user,
    allowDataLoss,
  };
  const checks = new Checks(name);
  checkServers(checks, name, normal);
  checkUsers(checks, normal.users);
  checkFilters(checks, normal);
  checks.done();
  return { ...normal, replicas: bounded(replicas, 0, 5) };
}

function checkServers(checks: Checks, name: string, args: NormalRedisCacheArgs): void {
  const { replicas, downAfterSeconds, minReplicas, memoryMiB, maxmemoryShare, cpus, port, bloomModule } = args;
  const whole = (value: number, low: number, high: number) => Number.isInteger(value) && value >= low && value <= high;
  checks
    .that(NAME_PATTERN.test(name), "name", name, "must be lower-case letters, digits and inner hyphens, since the servers are called by it")
    .that(whole(replicas, 0, 5), "replicas", replicas, "must be 0 to 5: every one takes what the primary sends it")
    .that(
      whole(downAfterSeconds, 1, 60),
      "downAfterSeconds",
      downAfterSeconds,
      "must be 1 to 60 whole seconds; the fewer, the sooner a busy server is taken for a dead one",
    )
    .that(
      whole(minReplicas, 0, Math.max(replicas - 1, 0)),
      "minReplicas",
      minReplicas,
      "must leave out one replica at least, or no write would be taken while one is replaced",
    )
    .that(memoryMiB >= 64, "memoryMiB", memoryMiB, "must be 64 or more: a server needs some 10 MiB before it holds a key")
    .that(
      maxmemoryShare > 0 && maxmemoryShare <= 0.9,
      "maxmemoryShare",
      maxmemoryShare,
      "must be above 0 and at most 0.9: what Redis takes beside the data counts towards the limit as well",
    )
    .that(cpus > 0, "cpus", cpus, "must be more than 0")
    .that(
      port === null || (whole(port, 1, 65_535) && port + replicas <= 65_535),
      "port",
      port,
      "must leave a port up to 65535 for every server, or be null to publish none",
    )
    .that(/^\/[\w./-]+$/.test(bloomModule), "bloomModule", bloomModule, "must be the absolute path of a file in the image");
}

/** A key that neither a shell nor a pattern of keys takes for something else, and of which the filter's other keys are told apart. */
const FILTER_PATTERN = /^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$/;

function checkFilters(checks: Checks, { filters, maxmemoryPolicy, memoryMiB, maxmemoryShare }: NormalRedisCacheArgs): void {
  filters.forEach(({ name, errorRate, capacity }, index) => {
    const path = `filters[${index}]`;
    checks
      .that(FILTER_PATTERN.test(name), `${path}.name`, name, "must be 1 to 128 letters, digits, '_', '.', ':' and '-'")
      .that(
        filters.findIndex((filter) => filter.name === name) === index,
        `${path}.name`,
        name,
        "must be its own; rename or remove the other filter",
      )
      .that(
        errorRate >= 1e-9 && errorRate < 1,
        `${path}.errorRate`,
        errorRate,
        "must be below 1 and at least 0.000000001: 0.01 is one in a hundred",
      )
      .that(
        Number.isInteger(capacity) && capacity >= 1 && capacity <= 1e9,
        `${path}.capacity`,
        capacity,
        "must be a whole number of items from 1 to 1000000000",
      );
  });
  const usable = filters.filter(({ errorRate, capacity }) => errorRate > 0 && errorRate < 1 && capacity > 0);
  const mebibytes = Math.ceil(usable.reduce((sum, filter) => sum + bytesOf(filter), 0) / 2 ** 20);
  const room = Math.floor(memoryMiB * maxmemoryShare);
  checks
    .that(
      filters.length === 0 || mebibytes < room,
      "filters",
      `${mebibytes} MiB`,
      `must take less than the ${room} MiB of maxmemoryShare of memoryMiB; raise memoryMiB, or ask for less`,
    )
    .that(
      filters.length === 0 || !maxmemoryPolicy.startsWith("allkeys-"),
      "maxmemoryPolicy",
      maxmemoryPolicy,
      "must not be an allkeys-… with filters: one that is evicted would say of all its items that they were never added; use volatile-…, which spares keys that do not expire, or a RedisCache of its own for the filters",
    );
}

/** What a filter takes when it is reserved; see bloom.lua for the formula. */
function bytesOf({ errorRate, capacity }: RedisBloomFilter): number {
  return (capacity * -Math.log(errorRate / 2)) / Math.LN2 ** 2 / 8;
}
