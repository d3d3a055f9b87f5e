import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { pino } from "pino";
import { RedisLink } from "../../../apps/shop/src/cache/redis-link";
import { docker } from "./engine";
import { until } from "./load";

/** Where a cache is, and who asks it. */
export interface CacheAccess {
  readonly sentinels: readonly string[];
  readonly endpoints: readonly string[];
  readonly user: string;
  readonly password: string;
}

/** Runs a command on a server as the component's own user. */
export async function operate(container: string, ...command: string[]): Promise<string> {
  return docker("exec", container, "sh", "/etc/redis/node/current/cli", ...command);
}

/** The containers whose servers say that they are the primary. */
export async function primariesOf(containers: readonly string[]): Promise<string[]> {
  const roles = await Promise.all(containers.map((container) => operate(container, "ROLE").catch(() => "")));
  return containers.filter((_, index) => roles[index]?.startsWith("master"));
}

/** Waits until one server is the primary, and all others have all that it has. */
export async function untilStanding(containers: readonly string[]): Promise<void> {
  await until("the cache is whole", async () => {
    for (const container of containers) await docker("exec", container, "sh", "/etc/redis/node/current/standing");
    return (await primariesOf(containers)).length === 1;
  });
}

/** A connection to one server as a user; it is closed by the caller. */
export async function loginAt(endpoint: string, user: string, password: string): Promise<Redis> {
  const [host = "", port] = endpoint.split(":");
  const options = { host, port: Number(port), username: user, password, lazyConnect: true, enableReadyCheck: false };
  const client = new Redis({ ...options, retryStrategy: () => null });
  // What was refused at the login is told by an event, and the attempt only says that it has ended.
  let refusal: Error | undefined;
  client.on("error", (error: Error) => (refusal = error));
  await client.connect().catch((error: unknown) => {
    throw refusal ?? error;
  });
  return client;
}

/** What a server says to one command of a user: the error's words, or what it answers. */
export async function answerTo(endpoint: string, user: string, password: string, ...command: [string, ...string[]]): Promise<string> {
  try {
    const client = await loginAt(endpoint, user, password);
    try {
      return JSON.stringify(await client.call(...command));
    } finally {
      client.disconnect();
    }
  } catch (error) {
    return (error as Error).message;
  }
}

/** The shop's own link to a cache. */
export async function linkTo({ sentinels, endpoints, user, password }: CacheAccess): Promise<RedisLink> {
  const passwordFile = join(await mkdtemp(join(tmpdir(), "dockyard-test-redis-")), "password");
  await writeFile(passwordFile, password);
  const link = new RedisLink({ sentinels, endpoints, primaryName: "cache", user, passwordFile }, pino({ level: "silent" }));
  link.start();
  await until("the link has a primary", async () => link.connected);
  return link;
}

export interface Written {
  /** Keys that were written and then confirmed by a replica. */
  readonly confirmed: string[];
  readonly failed: number;

  /** Longest time without a confirmed write, in ms. */
  readonly longestPause: number;
}

/**
 * Writes one key after the other while `work` runs; a write counts once a replica has it too.
 *
 * @param pauseMs Pause between two writes: what is written must not fill the memory, nor take the CPU of what is done. @default 5
 */
export async function writtenDuring(link: RedisLink, prefix: string, work: () => Promise<unknown>, pauseMs = 5): Promise<Written> {
  let going = true;
  const confirmed: string[] = [];
  let failed = 0;
  let longestPause = 0;
  const writing = (async () => {
    let last = Date.now();
    for (let number = 0; going; number++) {
      const key = `${prefix}:${number}`;
      try {
        await link.call("SET", key, key);
        if (((await link.call("WAIT", 1, 100)) as number) < 1) throw new Error("no replica has it");
        confirmed.push(key);
        longestPause = Math.max(longestPause, Date.now() - last);
        last = Date.now();
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
      } catch {
        failed++;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  })();
  try {
    await work();
    await until("writes go on", async () => {
      const before = confirmed.length;
      await new Promise((resolve) => setTimeout(resolve, 100));
      return confirmed.length > before;
    });
  } finally {
    going = false;
    await writing;
  }
  return { confirmed, failed, longestPause };
}

/** Those of the keys that are not there. */
export async function missingKeys(link: RedisLink, keys: readonly string[]): Promise<string[]> {
  const missing: string[] = [];
  for (let at = 0; at < keys.length; at += 100) {
    const part = keys.slice(at, at + 100);
    const values = (await link.call("MGET", ...part)) as (string | null)[];
    missing.push(...part.filter((_, index) => values[index] === null));
  }
  return missing;
}
