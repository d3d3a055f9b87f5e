import type { Output } from "@pulumi/pulumi";
import { Shape, anything, instanceOf, listOf, maybe, number, shape, text } from "../core/argument-shape";
import type { Checks } from "../core/errors";
import { checkGivenSecret } from "../core/secret";
import { isWhole } from "../core/whole";

/** Name or IPv4 address of a server, and its port. */
export interface RedisServer {
  readonly host: string;
  readonly port: number;
}

/** A Redis that the gateway's Lua can call, such as a `RedisCache`; while it is away the gateway goes on without. */
export interface GatewayRedis {
  /** Servers, of which one is the primary; several take Sentinels to be told apart for sure. */
  readonly endpoints: readonly RedisServer[];

  /** Sentinels that say which server is the primary. @default none */
  readonly sentinels?: readonly RedisServer[];

  /** What the Sentinels call the primary. @default "cache" */
  readonly primaryName?: string;

  /** User to log in as, with the servers and with the Sentinels. */
  readonly user: string;

  /** Its password, a secret. */
  readonly password: Output<string>;

  /** Connections that each worker may have at a time; further calls wait for one. @default 32 */
  readonly connections?: number;

  /**
   * Time to connect, and for each answer, in milliseconds. While others have their answers a call that waits for a connection, or only reads,
   * waits up to four times as long. @default 500
   */
  readonly timeoutMs?: number;
}

const SERVERS = listOf(instanceOf("host and a port", "host", "port"));

/** Names and types of {@link GatewayRedis}. */
export const REDIS = shape<GatewayRedis>({
  endpoints: SERVERS,
  sentinels: maybe(SERVERS),
  primaryName: maybe(text),
  user: text,
  // A password in clear is told by its own check.
  password: anything,
  connections: maybe(number),
  timeoutMs: maybe(number),
} satisfies Shape<GatewayRedis>);

export type NormalGatewayRedis = Required<GatewayRedis>;

/** What the configuration is told of it: all but the password, which has a file of its own. */
export type RedisConf = Omit<NormalGatewayRedis, "password">;

/** File of the password, in the configuration folder. */
export const REDIS_PASSWORD_FILE = "redis.password";

export function normalizeRedis({
  sentinels = [],
  primaryName = "cache",
  connections = 32,
  timeoutMs = 500,
  ...given
}: GatewayRedis): NormalGatewayRedis {
  return { ...given, sentinels, primaryName, connections, timeoutMs };
}

const HOST = /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/;
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

export function checkRedis(checks: Checks, redis: NormalGatewayRedis): void {
  const { endpoints, sentinels, primaryName, user, password, connections, timeoutMs } = redis;
  checks
    .that(endpoints.length > 0, "redis.endpoints", endpoints, "must name a server; pass the endpoints of a RedisCache")
    .that(
      endpoints.length < 2 || sentinels.length > 0,
      "redis.sentinels",
      sentinels,
      "must name the Sentinels where there are several servers; pass those of the RedisCache",
    )
    .that(NAME.test(primaryName), "redis.primaryName", primaryName, "must be 1 to 64 letters, digits, '.', '_' and '-'")
    .that(NAME.test(user), "redis.user", user, "must be 1 to 64 letters, digits, '.', '_' and '-'")
    .that(isWhole(connections, 1, 1000), "redis.connections", connections, "must be 1 to 1000 connections of each worker")
    .that(
      isWhole(timeoutMs, 10, 10_000),
      "redis.timeoutMs",
      timeoutMs,
      "must be 10 to 10000 milliseconds: as long a request waits for a Redis that is away",
    );
  checkGivenSecret(checks, "redis.password", password);
  for (const [role, servers] of Object.entries({ endpoints, sentinels })) {
    for (const [i, { host, port }] of servers.entries()) {
      checks
        .that(HOST.test(host), `redis.${role}[${i}].host`, host, "must be a host name or an IPv4 address")
        .that(isWhole(port, 1, 65_535), `redis.${role}[${i}].port`, port, "must be a port from 1 to 65535");
    }
  }
}

/** What the Lua modules are told of it. */
export function redisSettings({ endpoints, sentinels, primaryName, user, connections, timeoutMs }: RedisConf) {
  const plain = (servers: readonly RedisServer[]) => servers.map(({ host, port }) => ({ host, port }));
  return {
    servers: plain(endpoints),
    sentinels: plain(sentinels),
    primaryName,
    user,
    passwordFile: REDIS_PASSWORD_FILE,
    connections,
    timeoutMs,
  };
}
