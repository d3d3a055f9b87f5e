import { isIPv4 } from "node:net";
import type { RedisSettings } from "./cache/redis-link";
import type { DatabaseSettings } from "./database/database";
import type { BrokerSettings } from "./queue/broker-link";

/** The services that this program can be. */
export const SERVICES = ["goods", "order", "statistics", "traffic"] as const;
export type ServiceName = (typeof SERVICES)[number];

/** Where one instance listens: what it binds is what others reach it at. */
export interface ListenAddress {
  readonly address: string;
  readonly httpPort: number;
  readonly rpcPort: number;
}

/** What an instance that registers itself tells Consul beyond its address. */
export interface SelfRegistrationSettings {
  /** Share of the traffic relative to the service's other instances. */
  readonly weight: number;
  /** Time between two of Consul's checks, as Consul writes durations: `10s`. */
  readonly checkInterval: string;
  /** Time that a check may take, as Consul writes durations: `2s`. */
  readonly checkTimeout: string;
}

/** How orders are told of, and where what must not be lost on the way is kept. */
export interface EventSettings {
  readonly broker: BrokerSettings;
  readonly dataFolder: string;
}

/** A topic of Kafka's that is read, and where what is read of it is counted. */
export interface StreamSettings {
  readonly brokers: readonly string[];
  readonly user: string;
  readonly passwordFile: string;
  readonly topic: string;
  readonly dataFolder: string;
}

export interface Settings {
  readonly service: ServiceName;
  /** Name of this instance, the same in logs, answers and Consul: `goods-1`. */
  readonly instance: string;
  readonly listen: ListenAddress;
  /** Consul servers in the order in which they are tried. */
  readonly consulUrls: readonly string[];
  /** First part of every key below which instances are found. */
  readonly upstreamPrefix: string;
  /** Absent when the stack writes the instance's keys. */
  readonly selfRegistration?: SelfRegistrationSettings;
  /** Absent where there is no broker: then nobody is told of orders. */
  readonly events?: EventSettings;
  /** Absent where there is no database: then the goods are those of the shop's first day, and nobody changes them. */
  readonly database?: DatabaseSettings;
  /** Absent where there is no cache before the database. */
  readonly cache?: RedisSettings;
  /** Absent where no stream is read. */
  readonly stream?: StreamSettings;
  /** Nodes of the search engine in the order in which they are tried; empty where there is none. */
  readonly searchUrls: readonly string[];
}

/** Everything that is wrong with the environment, so that one start tells all of it. */
export class SettingsError extends Error {
  constructor(readonly faults: readonly string[]) {
    super(`the environment cannot be used: ${faults.join("; ")}`);
    this.name = "SettingsError";
  }
}

/**
 * Reads an instance's settings from its environment.
 *
 * @throws {SettingsError} naming every fault at once.
 */
export function readSettings(env: NodeJS.ProcessEnv): Settings {
  const read = new EnvironmentReader(env);

  const service = read.oneOf("SERVICE", SERVICES);
  const instance = read.text("INSTANCE", /^[A-Za-z0-9][A-Za-z0-9._-]*$/, "a name of letters, digits, '.', '_' and '-', such as goods-1");
  const address = read.ipv4("BIND_ADDRESS");
  const httpPort = read.integer("HTTP_PORT", 1, 65_535);
  const rpcPort = read.integer("RPC_PORT", 1, 65_535);
  const registration = read.oneOf("REGISTRATION", ["stack", "self"]);
  const upstreamPrefix = read.text(
    "UPSTREAM_PREFIX",
    /^[\w.-]+(\/[\w.-]+)*$/,
    "a key prefix with no slash at its ends, such as upstreams",
    "upstreams",
  );
  const weight = read.integer("WEIGHT", 1, 65_535, "1");
  const checkInterval = read.duration("CHECK_INTERVAL", "10s");
  const checkTimeout = read.duration("CHECK_TIMEOUT", "2s");
  // A goods instance that the stack registers never speaks to Consul.
  const consulUrls = read.urls("CONSUL_URLS", "Consul servers", "http://10.0.0.1:8500", service === "order" || registration === "self");
  const events = readEvents(read, env, service === "statistics");
  const database = readDatabase(read, env);
  const cache = readCache(read, env);
  const stream = readStream(read, env, service === "traffic");
  const searchUrls = read.urls("SEARCH_URLS", "search nodes", "http://10.0.0.1:9200", false);

  if (httpPort === rpcPort && httpPort !== 0) read.fault("RPC_PORT", "must differ from HTTP_PORT");
  if (registration === "self" && address === "0.0.0.0")
    read.fault("BIND_ADDRESS", "must be the address that others reach: it becomes the instance's key");
  read.done();

  return {
    service,
    instance,
    listen: { address, httpPort, rpcPort },
    consulUrls,
    upstreamPrefix,
    selfRegistration: registration === "self" ? { weight, checkInterval, checkTimeout } : undefined,
    events,
    database,
    cache,
    stream,
    searchUrls,
  };
}

const ABSOLUTE_PATH = /^\/./;
const PASSWORD_FILE = "the absolute path of a file that holds the user's password";

/** The broker and the folder come together or not at all. */
function readEvents(read: EnvironmentReader, env: NodeJS.ProcessEnv, required: boolean): EventSettings | undefined {
  if (!required && !env.AMQP_ENDPOINTS) return undefined;
  const endpoints = read.text(
    "AMQP_ENDPOINTS",
    /^[\w.-]+:\d+(,[\w.-]+:\d+)*$/,
    "comma-separated addresses of brokers, such as 10.0.0.1:5672,10.0.0.2:5672",
  );
  const user = read.text("AMQP_USER", /^[\w.-]+$/, "a user of the broker, such as orders");
  const passwordFile = read.text("AMQP_PASSWORD_FILE", ABSOLUTE_PATH, PASSWORD_FILE);
  const dataFolder = read.text("DATA_FOLDER", /^\/./, "the absolute path of a folder that outlives the instance");
  return { broker: { endpoints: endpoints.split(","), user, passwordFile }, dataFolder };
}

/** A database has a name, and all that it takes to be reached, or it has none of it. */
function readDatabase(read: EnvironmentReader, env: NodeJS.ProcessEnv): DatabaseSettings | undefined {
  if (!env.DATABASE_NAME) return undefined;
  const address = (name: string, kind: string) => read.text(name, /^[\w.-]+:\d+$/, `the database's ${kind} address, such as 10.0.0.1:3306`);
  return {
    write: address("DATABASE_WRITE", "read-write"),
    read: address("DATABASE_READ", "read-only"),
    name: read.text("DATABASE_NAME", /^\w+$/, "a name of letters, digits and '_', such as shop"),
    user: read.text("DATABASE_USER", /^[\w.-]+$/, "a user of the database, such as goods"),
    passwordFile: read.text("DATABASE_PASSWORD_FILE", ABSOLUTE_PATH, PASSWORD_FILE),
  };
}

/** Servers that Sentinels watch over, or one alone; nothing of it where there is no cache. */
function readCache(read: EnvironmentReader, env: NodeJS.ProcessEnv): RedisSettings | undefined {
  if (!env.CACHE_ENDPOINTS) return undefined;
  const endpoints = /^[\w.-]+:\d+(,[\w.-]+:\d+)*$/;
  return {
    endpoints: read.text("CACHE_ENDPOINTS", endpoints, "comma-separated addresses of servers, such as 10.0.0.1:6379").split(","),
    sentinels: env.CACHE_SENTINELS
      ? read.text("CACHE_SENTINELS", endpoints, "comma-separated addresses of Sentinels, such as 10.0.0.1:26379").split(",")
      : [],
    primaryName: read.text("CACHE_NAME", /^[\w.-]+$/, "what the Sentinels call the primary, such as cache", "cache"),
    user: read.text("CACHE_USER", /^[\w.-]+$/, "a user of the cache, such as goods"),
    passwordFile: read.text("CACHE_PASSWORD_FILE", ABSOLUTE_PATH, PASSWORD_FILE),
  };
}

function readStream(read: EnvironmentReader, env: NodeJS.ProcessEnv, required: boolean): StreamSettings | undefined {
  if (!required && !env.KAFKA_BROKERS) return undefined;
  return {
    brokers: read
      .text("KAFKA_BROKERS", /^[\w.-]+:\d+(,[\w.-]+:\d+)*$/, "comma-separated addresses of brokers, such as 10.0.0.1:9092,10.0.0.2:9092")
      .split(","),
    user: read.text("KAFKA_USER", /^[\w.-]+$/, "a user of the brokers, such as traffic"),
    passwordFile: read.text("KAFKA_PASSWORD_FILE", ABSOLUTE_PATH, PASSWORD_FILE),
    topic: read.text("KAFKA_TOPIC", /^[\w.-]+$/, "a topic, such as access-log"),
    dataFolder: read.text("DATA_FOLDER", ABSOLUTE_PATH, "the absolute path of a folder that outlives the instance"),
  };
}

/** Reads variables one by one and goes on after a fault; what a faulty one reads as is never used. */
class EnvironmentReader {
  private readonly faults: string[] = [];

  constructor(private readonly env: NodeJS.ProcessEnv) {}

  text(name: string, pattern: RegExp, allowed: string, fallback?: string): string {
    const value = this.value(name, fallback);
    if (!pattern.test(value)) this.fault(name, `must be ${allowed}`);
    return value;
  }

  oneOf<T extends string>(name: string, allowed: readonly T[]): T {
    const value = this.value(name);
    if (!allowed.includes(value as T)) this.fault(name, `must be one of ${allowed.join(", ")}`);
    return value as T;
  }

  ipv4(name: string): string {
    const value = this.value(name);
    if (!isIPv4(value)) this.fault(name, "must be an IPv4 address");
    return value;
  }

  integer(name: string, least: number, most: number, fallback?: string): number {
    const value = this.value(name, fallback);
    const number = /^\d+$/.test(value) ? Number(value) : NaN;
    if (number >= least && number <= most) return number;
    this.fault(name, `must be a whole number from ${least} to ${most}`);
    return 0;
  }

  duration(name: string, fallback: string): string {
    return this.text(name, /^[1-9]\d*(ms|s|m)$/, "a duration with its unit (ms, s or m), such as 10s", fallback);
  }

  /** @param what What the addresses are of, and `example` one of them. */
  urls(name: string, what: string, example: string, required: boolean): readonly string[] {
    const urls = this.value(name, "")
      .split(",")
      .map((url) => url.trim())
      .filter((url) => url !== "");
    const allHttp = urls.every((url) => /^http:\/\/[^/?#\s]+\/?$/.test(url) && URL.canParse(url));
    if (!allHttp || (required && urls.length === 0)) this.fault(name, `must be comma-separated addresses of ${what}, such as ${example}`);
    return urls.map((url) => url.replace(/\/$/, ""));
  }

  fault(name: string, remedy: string): void {
    const value = this.env[name];
    this.faults.push(`${name} ${remedy}, ${value === undefined ? "but is not set" : `got ${JSON.stringify(value)}`}`);
  }

  /** @throws {SettingsError} when anything was wrong. */
  done(): void {
    if (this.faults.length > 0) throw new SettingsError(this.faults);
  }

  /** An empty variable counts as one that is not set: templates leave such behind. */
  private value(name: string, fallback = ""): string {
    const given = this.env[name];
    return given === undefined || given === "" ? fallback : given;
  }
}
