import { Redis, type RedisOptions } from "ioredis";
import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import type { Log } from "../log";

export interface RedisSettings {
  /** `host:port` of the Sentinels; empty where one server stands alone. */
  readonly sentinels: readonly string[];

  /** What the Sentinels call the primary. */
  readonly primaryName: string;

  /** `host:port` of the servers; only the first is used where there are no Sentinels. */
  readonly endpoints: readonly string[];
  readonly user: string;

  /** File that holds the password; it is read at every connection, so a new one needs no restart. */
  readonly passwordFile: string;
}

/** Redis did not answer in time, or cannot be reached: what is asked of it must be found elsewhere or be done without. */
export class RedisUnavailable extends Error {
  constructor(why: string, options?: ErrorOptions) {
    super(`Redis is not available: ${why}`, options);
    this.name = "RedisUnavailable";
  }
}

const RETRY_MS = 200;
const CONNECT_TIMEOUT_MS = 1_000;
/** A request waits for Redis no longer than this. */
const COMMAND_TIMEOUT_MS = 150;

/** Answers of a server that is not the primary any more, or is about to hand over: another one is, or soon will be. */
const ELSEWHERE = /^(READONLY|NOREPLICAS|MASTERDOWN|LOADING|UNBLOCKED)/;

/**
 * A connection to the primary, and another one whenever it ends or is the primary's no longer.
 *
 * No call waits for a connection: without one it fails at once, and with one that does not answer in {@link COMMAND_TIMEOUT_MS}.
 */
export class RedisLink {
  private readonly stopping = new AbortController();
  private running: Promise<void> = Promise.resolve();
  private client: Redis | undefined;
  private lastFault = "no connection was made yet";

  constructor(
    private readonly settings: RedisSettings,
    private readonly log: Log,
  ) {}

  start(): void {
    this.running = this.run();
  }

  /** Whether a primary was connected a moment ago. */
  get connected(): boolean {
    return this.client !== undefined;
  }

  /** Ends the connection, and makes no other one. */
  async close(): Promise<void> {
    this.stopping.abort();
    this.client?.disconnect();
    await this.running;
  }

  /**
   * Sends one command, such as `call("HGET", "key", "field")`.
   *
   * @throws {RedisUnavailable} where no primary answers in time; an answer that is an error is thrown as it is.
   */
  async call(command: string, ...args: (string | number)[]): Promise<unknown> {
    const { client } = this;
    if (client === undefined) throw new RedisUnavailable(this.lastFault);
    try {
      return await client.call(command, ...args);
    } catch (error) {
      const { name, message } = error as Error;
      if (name === "ReplyError" && !ELSEWHERE.test(message)) throw error;
      // The next one may be answered by another server.
      this.drop(client, message);
      throw new RedisUnavailable(message, { cause: error });
    }
  }

  /** A key's value; undefined where there is none. */
  async get(key: string): Promise<string | undefined> {
    return ((await this.call("GET", key)) as string | null) ?? undefined;
  }

  /** Keeps a value for a while, which is never forever: this is a cache. */
  async set(key: string, value: string, ttlSeconds: number): Promise<void> {
    await this.call("SET", key, value, "EX", ttlSeconds);
  }

  /** Whether the key was there. */
  async del(key: string): Promise<boolean> {
    return (await this.call("DEL", key)) === 1;
  }

  private drop(client: Redis, why: string): void {
    if (this.client !== client) return;
    this.client = undefined;
    this.lastFault = why;
    client.disconnect();
  }

  private async run(): Promise<void> {
    while (!this.stopping.signal.aborted) {
      try {
        await this.hold();
      } catch (error) {
        this.lastFault = (error as Error).message;
        this.log.warn({ err: error }, "Redis cannot be used");
      }
      await delay(RETRY_MS, undefined, { signal: this.stopping.signal }).catch(() => undefined);
    }
  }

  /** Resolves when the connection has ended, or rejects when it could not be made. */
  private async hold(): Promise<void> {
    const password = (await readFile(this.settings.passwordFile, "utf8")).trim();
    const client = new Redis({ ...this.whereabouts(password), ...LINK, username: this.settings.user, password });
    const ended = new Promise((resolve) => client.once("end", resolve));
    let fault: Error | undefined;
    client.on("error", (error: Error) => (fault = error));
    try {
      await client.connect();
    } catch (error) {
      client.disconnect();
      throw fault ?? error;
    }
    if (this.stopping.signal.aborted) client.disconnect();
    else this.client = client;
    this.log.info({ primary: `${client.stream.remoteAddress}:${client.stream.remotePort}` }, "connected to Redis");
    await ended;
    this.drop(client, fault?.message ?? "the connection ended");
  }

  private whereabouts(password: string): RedisOptions {
    const { sentinels, primaryName, endpoints, user } = this.settings;
    const [first] = endpoints;
    if (sentinels.length === 0) return hostAndPort(first ?? "");
    return { sentinels: sentinels.map(hostAndPort), name: primaryName, sentinelUsername: user, sentinelPassword: password };
  }
}

/** Nothing is repeated and nothing queued: a call that cannot be answered now is told so, and the link itself makes the next connection. */
const LINK: RedisOptions = {
  lazyConnect: true,
  retryStrategy: () => null,
  sentinelRetryStrategy: () => null,
  connectTimeout: CONNECT_TIMEOUT_MS,
  sentinelCommandTimeout: CONNECT_TIMEOUT_MS,
  commandTimeout: COMMAND_TIMEOUT_MS,
  maxRetriesPerRequest: 0,
  enableOfflineQueue: false,
  autoResubscribe: false,
};

function hostAndPort(endpoint: string): { host: string; port: number } {
  const [host = "", port] = endpoint.split(":");
  return { host, port: Number(port) };
}
