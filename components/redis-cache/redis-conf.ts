import { shellWord } from "../core/shell";

export const REDIS_PORT = 6379;
export const SENTINEL_PORT = 26_379;

/** Three: with one of them gone the other two still agree, and more would only say the same. */
export const SENTINELS = 3;
/** Sentinels that must agree on everything: a majority. */
export const QUORUM = 2;

export const REDIS_DATA_PATH = "/data";
export const REDIS_CONFIG_PATH = "/etc/redis/node";
const CURRENT = `${REDIS_CONFIG_PATH}/current`;

export type Persistence = "none" | "snapshot" | "appendonly";
export type BloomEngine = "functions" | "module";

/** What a server can be told while it runs. */
export interface LiveSettings {
  /** What the data may take, in bytes. */
  readonly maxmemory: number;
  readonly maxmemoryPolicy: string;
  readonly persistence: Persistence;

  /** Replicas without which the primary refuses writes. */
  readonly minReplicas: number;
}

export interface ServerSettings {
  readonly address: string;
  readonly bloom: BloomEngine;

  /** Path of RedisBloom's library in the image. */
  readonly bloomModule: string;
}

/** What the server reads when it starts, and only then. */
export function renderServerConf({ address, bloom, bloomModule }: ServerSettings): string {
  return lines({
    port: REDIS_PORT,
    // Everybody must log in: who may come is the network's to say.
    bind: "* -::*",
    "protected-mode": "no",
    dir: REDIS_DATA_PATH,
    aclfile: `${CURRENT}/users.acl`,
    masteruser: "dockyard-replica",
    "replica-announce-ip": address,
    "replica-announce-port": REDIS_PORT,
    // A replica that was away for a moment gets what it missed, and not everything.
    "repl-backlog-size": "16mb",
    "repl-diskless-sync-delay": 0,
    "repl-timeout": 20,
    // Without persistence a replica does not keep the file that it was sent either.
    "rdb-del-sync-files": "yes",
    "tcp-keepalive": 60,
    "shutdown-timeout": 10,
    ...(bloom === "module" && { loadmodule: bloomModule }),
  });
}

/** What a running server can be told, one setting a line; settle tells it. */
export function renderLiveConf({ maxmemory, maxmemoryPolicy, persistence, minReplicas }: LiveSettings): string {
  return lines({
    maxmemory,
    "maxmemory-policy": maxmemoryPolicy,
    appendonly: persistence === "appendonly" ? "yes" : "no",
    appendfsync: "everysec",
    save: persistence === "snapshot" ? '"3600 1 300 100 60 10000"' : '""',
    "min-replicas-to-write": minReplicas,
    "min-replicas-max-lag": 5,
  });
}

/** What a replica logs in with at its primary. */
export function renderReplicaSecret(password: string): string {
  return lines({ masterauth: password });
}

/** What every Sentinel reads, before what it watches. */
export function renderSentinelConf(address: string): string {
  return lines({
    port: SENTINEL_PORT,
    bind: "* -::*",
    "protected-mode": "no",
    dir: REDIS_DATA_PATH,
    aclfile: `${CURRENT}/users.acl`,
    "sentinel announce-ip": address,
    "sentinel announce-port": SENTINEL_PORT,
    "sentinel deny-scripts-reconfig": "yes",
  });
}

/** What a Sentinel is told of the primary that it watches: behind the line that says where it is. */
export function renderMonitored(cluster: string, downAfterSeconds: number, password: string): string {
  return lines({
    [`sentinel auth-user ${cluster}`]: "dockyard-sentinel",
    [`sentinel auth-pass ${cluster}`]: password,
    "sentinel sentinel-user": "dockyard-sentinel",
    "sentinel sentinel-pass": password,
    [`sentinel down-after-milliseconds ${cluster}`]: downAfterSeconds * 1000,
    // A failover that came to nothing is tried again after twice this.
    [`sentinel failover-timeout ${cluster}`]: 10_000,
    [`sentinel parallel-syncs ${cluster}`]: 1,
  });
}

/** A server as its scripts know it. */
export interface RedisNode {
  readonly name: string;
  readonly address: string;
}

export interface NodeEnvironment {
  readonly cluster: string;
  readonly node: RedisNode;
  readonly servers: readonly RedisNode[];
  readonly sentinels: readonly RedisNode[];
  readonly persistence: Persistence;
  readonly minReplicas: number;
  readonly bloom: BloomEngine;
}

/** What the scripts on a node go by, as a shell reads it. */
export function renderNodeEnvironment({ cluster, node, servers, sentinels, persistence, minReplicas, bloom }: NodeEnvironment): string {
  const variables = {
    NAME: cluster,
    ADDRESS: node.address,
    PORT: REDIS_PORT,
    SENTINEL_PORT,
    QUORUM,
    SERVERS: servers.map(({ name, address }) => `${name}=${address}`).join(" "),
    SENTINELS: sentinels.map(({ address }) => address).join(" "),
    PERSISTENCE: persistence,
    MIN_REPLICAS: minReplicas,
    BLOOM: bloom,
  };
  return Object.entries(variables)
    .map(([key, value]) => `${key}=${shellWord(String(value))}\n`)
    .join("");
}

export interface BloomFilterSettings {
  readonly name: string;
  readonly errorRate: number;
  readonly capacity: number;
}

/** One filter a line: its name, error rate and capacity. */
export function renderFilters(filters: readonly BloomFilterSettings[]): string {
  return filters.map(({ name, errorRate, capacity }) => `${name} ${decimal(errorRate)} ${capacity}\n`).join("");
}

/** Neither Redis nor awk must meet an exponent. */
function decimal(value: number): string {
  return value.toFixed(12).replace(/0+$/, "");
}

export function scriptCommand(script: string, ...args: string[]): string[] {
  return ["sh", `${CURRENT}/${script}`, ...args];
}

/** Asks whether the server answers and has its data; it may be a replica that waits for its primary. */
export function serverProbe(): string[] {
  return scriptCommand("cli", "PING");
}

export function sentinelProbe(): string[] {
  return scriptCommand("cli", "-p", String(SENTINEL_PORT), "PING");
}

function lines(settings: Readonly<Record<string, string | number>>): string {
  return Object.entries(settings)
    .map(([key, value]) => `${key} ${value}\n`)
    .join("");
}
