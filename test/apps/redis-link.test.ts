import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { RedisBloomFilter } from "../../apps/shop/src/cache/bloom-filter";
import { RedisLink, RedisUnavailable } from "../../apps/shop/src/cache/redis-link";
import { eventually } from "./support/eventually";
import { Answer, fakeRedis } from "./support/fake-redis";
import { HOST, freePort, silentLog } from "./support/net";

const passwordFile = join(mkdtempSync(join(tmpdir(), "dockyard-test-redis-")), "password");
writeFileSync(passwordFile, "of-goods\n");

function linkTo(where: { port?: number; sentinel?: number }): RedisLink {
  const at = (port?: number) => (port === undefined ? [] : [`${HOST}:${port}`]);
  const settings = { endpoints: at(where.port), sentinels: at(where.sentinel), primaryName: "cache", user: "goods", passwordFile };
  const link = new RedisLink(settings, silentLog);
  onTestFinished(() => link.close());
  link.start();
  return link;
}

async function linked(answer: Answer) {
  const server = await fakeRedis(answer);
  const link = linkTo(server);
  await eventually(() => link.connected).toBe(true);
  return { server, link };
}

/** What a call fails with, and after how many ms. */
async function failureOf(call: Promise<unknown>): Promise<{ error: unknown; took: number }> {
  const asked = performance.now();
  const error = await call.then(
    () => undefined,
    (fault: unknown) => fault,
  );
  return { error, took: performance.now() - asked };
}

const bulk = (text: string) => `$${text.length}\r\n${text}\r\n`;

describe("the link to Redis", () => {
  it("logs in with the password of its file, gets, sets for a while and deletes", async () => {
    const { server, link } = await linked(([name]) => ({ GET: bulk("v"), SET: "+OK\r\n", DEL: ":1\r\n" })[name ?? ""]);
    expect(await link.get("k")).toBe("v");
    await link.set("k", "v", 60);
    expect(await link.del("k")).toBe(true);
    expect(server.commands.map((words) => words.join(" "))).toEqual(
      expect.arrayContaining([expect.stringMatching(/^auth goods of-goods$/i), "GET k", "SET k v EX 60", "DEL k"]),
    );
  });

  it("says that there is no such key", async () => {
    const { link } = await linked(([name]) => (name === "GET" ? "$-1\r\n" : undefined));
    expect(await link.get("k")).toBeUndefined();
  });

  it("fails at once where nothing listens, and is there when something does", async () => {
    const port = await freePort();
    const link = linkTo({ port });
    const { error, took } = await failureOf(link.get("k"));
    expect(error).toBeInstanceOf(RedisUnavailable);
    expect(took).toBeLessThan(50);
  });

  it("fails within 200 ms where the server does not answer, and takes another connection", async () => {
    const { server, link } = await linked(() => undefined);
    const { error, took } = await failureOf(link.get("k"));
    expect(error).toBeInstanceOf(RedisUnavailable);
    expect(took).toBeLessThan(200);
    await eventually(() => server.sockets.length).toBeGreaterThan(1);
    await eventually(() => link.connected).toBe(true);
  });

  it.each(["READONLY You can't write against a read only replica.", "NOREPLICAS Not enough good replicas to write."])(
    "looks for the primary again when the server says %s",
    async (said) => {
      let answers = 0;
      const { server, link } = await linked(([name]) => (name === "SET" ? (answers++ === 0 ? `-${said}\r\n` : "+OK\r\n") : undefined));
      expect((await failureOf(link.set("k", "v", 1))).error).toBeInstanceOf(RedisUnavailable);
      await eventually(() => link.connected).toBe(true);
      await link.set("k", "v", 1);
      expect(server.sockets.length).toBe(2);
    },
  );

  it("throws any other error as it is, and keeps the connection", async () => {
    const { server, link } = await linked(([name]) => (name === "GET" ? "-WRONGTYPE no text\r\n" : undefined));
    const { error } = await failureOf(link.get("k"));
    expect(error).not.toBeInstanceOf(RedisUnavailable);
    expect((error as Error).message).toBe("WRONGTYPE no text");
    expect(server.sockets.length).toBe(1);
  });

  it("asks the Sentinels for the primary", async () => {
    const primary = await fakeRedis(([name]) => (name === "GET" ? bulk("from the primary") : undefined));
    const sentinel = await fakeRedis(([name, what = ""]) => {
      if (name?.toLowerCase() !== "sentinel") return undefined;
      return what.toLowerCase() === "sentinels" ? "*0\r\n" : `*2\r\n${bulk(HOST)}${bulk(String(primary.port))}`;
    });
    const link = linkTo({ sentinel: sentinel.port });
    await eventually(() => link.connected).toBe(true);
    expect(await link.get("k")).toBe("from the primary");
    expect(sentinel.commands.map((words) => words.join(" ").toLowerCase())).toContain("sentinel get-master-addr-by-name cache");
  });
});

describe("a Bloom filter", () => {
  it("is asked by the module's commands where the server has them", async () => {
    const { server, link } = await linked(
      ([name]) => ({ "BF.ADD": ":1\r\n", "BF.MADD": "*2\r\n:1\r\n:0\r\n", "BF.EXISTS": ":0\r\n" })[name ?? ""],
    );
    const filter = new RedisBloomFilter(link, "seen");
    expect(await filter.add("a")).toBe(true);
    expect(await filter.addAll(["b", "a"])).toEqual([true, false]);
    expect(await filter.addAll([])).toEqual([]);
    expect(await filter.mayContain("c")).toBe(false);
    expect(server.commands.slice(-3)).toEqual([
      ["BF.ADD", "seen", "a"],
      ["BF.MADD", "seen", "b", "a"],
      ["BF.EXISTS", "seen", "c"],
    ]);
  });

  it("is asked by functions where it has not, and tries the commands no second time", async () => {
    const { server, link } = await linked(([name]) => {
      if (name?.startsWith("BF.")) return `-ERR unknown command '${name}', with args beginning with: 'seen'\r\n`;
      return name?.startsWith("FCALL") ? ":1\r\n" : undefined;
    });
    const filter = new RedisBloomFilter(link, "seen");
    expect(await filter.mayContain("a")).toBe(true);
    expect(await filter.add("a")).toBe(true);
    expect(server.commands.slice(-3)).toEqual([
      ["BF.EXISTS", "seen", "a"],
      ["FCALL_RO", "bf_exists", "1", "seen", "a"],
      ["FCALL", "bf_add", "1", "seen", "a"],
    ]);
  });

  it("throws when one of several items could not be added", async () => {
    const { link } = await linked(([name]) => (name === "BF.MADD" ? "*2\r\n:1\r\n-ERR non scaling filter is full\r\n" : undefined));
    await expect(new RedisBloomFilter(link, "seen").addAll(["a", "b"])).rejects.toThrow("full");
  });
});
