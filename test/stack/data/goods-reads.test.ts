import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pause, docker } from "../support/engine";
import { get, until, underLoad } from "../support/load";
import { asRoot, goodsQueries, nodeStatus } from "../support/mysql";
import { operate } from "../support/redis";
import { withoutAllBut } from "../support/systems";
import { TestStack, freePorts } from "../support/test-stack";

const ABSENT = 500;

let stack: TestStack;
let gateway: string;

beforeAll(async () => {
  const port = await freePorts(14);
  gateway = `http://127.0.0.1:${port}`;
  stack = await TestStack.create("test-goods", {
    network: { subnet: "10.181.0.0/24" },
    gateway: { publishedPort: port, publishedAdminPort: port + 1 },
    consul: { servers: 1, apiPort: port + 2 },
    proxy: { nodes: 2, statsPort: port + 5 },
    goods: { instances: 2 },
    order: { instances: 1 },
    mysql: { replicas: 2, port: port + 7, memoryMiB: 640 },
    redis: { replicas: 0, port: port + 10 },
    elasticsearch: { nodes: 1, httpPort: port + 11, memoryMiB: 640 },
    without: withoutAllBut("mysql", "redis", "elasticsearch"),
  });
  await stack.up();
});

afterAll(() => stack.remove());

async function send(method: string, path: string, body: unknown) {
  const answer = await get(`${gateway}${path}`, { method, body: JSON.stringify(body), headers: { "content-type": "application/json" } });
  return { status: answer.status, body: JSON.parse(answer.body) as Record<string, unknown> };
}

async function read(id: number | string) {
  const { status, body } = await get(`${gateway}/goods/${id}`);
  return { status, body: JSON.parse(body) as Record<string, unknown> };
}

function queries(): Promise<number> {
  return goodsQueries([1, 2, 3].map((node) => stack.container(`mysql-${node}`)));
}

async function queriesDuring(work: () => Promise<unknown>): Promise<number> {
  const before = await queries();
  await work();
  return (await queries()) - before;
}

/** The services' own connections to the cache. */
async function links(): Promise<string> {
  const clients = (await operate(stack.container("cache-1"), "CLIENT", "LIST")).split("\n");
  return clients.flatMap((client) => /^id=\d+(?=.* user=goods )/.exec(client) ?? []).join();
}

/**
 * The same while both instances go by the filter: one that gets an answer too late connects anew, and asks the database until it knows again
 * what the filter is worth.
 */
async function queriesWhileItCounts(work: () => Promise<unknown>): Promise<number> {
  for (let turn = 0; turn < 5; turn++) {
    await until(
      "both go by the filter",
      async () => (await queriesDuring(() => Promise.all([0, 1, 2, 3].map(() => read(3_000_000))))) === 0,
    );
    const before = await links();
    const queries = await queriesDuring(work);
    if ((await links()) === before) return queries;
  }
  throw new Error("in each of five turns an instance lost its connection to the cache");
}

async function redis(...command: string[]): Promise<string> {
  const { logins } = await stack.secretOutputs<{ logins: { redis: { password: string } } }>();
  const login = ["--env", `REDISCLI_AUTH=${logins.redis.password}`];
  return docker("exec", ...login, stack.container("cache-1"), "redis-cli", "--user", "goods", ...command);
}

/** Whether the filter counts in the present run of the server. */
async function isFilled(): Promise<boolean> {
  return (await redis("INFO", "server")).includes(`run_id:${(await redis("GET", "goods:filled")) || "none"}`);
}

describe("goods", () => {
  it("are written to the source and read from a replica, by every instance", async () => {
    expect(await read(1)).toMatchObject({ status: 200, body: { name: "Anchor, 5 kg" } });
    const added = await send("POST", "/goods/", { name: "Cleat", price: 700 });
    expect(added.status).toBe(201);
    const id = Number(added.body.id);
    for (let turn = 0; turn < 6; turn++) expect(await read(id)).toMatchObject({ status: 200, body: { name: "Cleat", price: 700 } });
    expect((await send("PUT", `/goods/${id}`, { name: "Cleat, large", price: 900 })).body).toMatchObject({ price: 900 });
    for (let turn = 0; turn < 6; turn++) expect(await read(id)).toMatchObject({ body: { name: "Cleat, large", price: 900 } });
    for (const node of [1, 2, 3])
      expect(await asRoot(stack.container(`mysql-${node}`), `SELECT price FROM shop.goods WHERE id = ${id}`)).toBe("900");
    expect(await stack.preview()).toEqual([]);
  });

  it("are found by their words a moment after they were written, and no more by those that they had", async () => {
    const found = async (words: string) => {
      const { status, body } = await get(`${gateway}/goods/search?q=${encodeURIComponent(words)}`);
      return { status, ...(JSON.parse(body) as { total: number; goods: { id: number; name: string; price: number }[] }) };
    };
    const { body } = await send("POST", "/goods/", { name: "Sextant of brass", price: 12_000 });
    await until("it is found", async () => (await found("brass sext")).total === 1);
    expect((await found("sextant")).goods).toEqual([{ id: body.id, name: "Sextant of brass", price: 12_000 }]);
    await send("PUT", `/goods/${String(body.id)}`, { name: "Octant of teak", price: 9_000 });
    await until("its old words find nothing", async () => (await found("sextant")).total === 0);
    expect((await found("octant teak")).goods).toMatchObject([{ id: body.id, price: 9_000 }]);
    // Those of the first day were there before anybody looked.
    expect((await found("anchor")).goods).toMatchObject([{ id: 1 }]);
    expect((await get(`${gateway}/goods/search?q=`)).status).toBe(400);
  });

  it("that are absent are not asked for in the database, where the filter counts", async () => {
    await until("the filter is filled", isFilled);
    const flood = (from: number) => async () => {
      for (let id = from; id < from + ABSENT; id++) expect((await read(id)).status).toBe(404);
    };
    expect(await queriesWhileItCounts(flood(1_000_000))).toBeLessThan(ABSENT * 0.01);
    // Without the filter every one of them is: the control.
    await pause(stack.container("cache-1"));
    try {
      expect(await queriesDuring(flood(2_000_000))).toBe(ABSENT);
    } finally {
      await docker("unpause", stack.container("cache-1"));
    }
  });

  it("are read on while the cache is away, and while another database leads", async () => {
    const urls = [1, 2, 3, 4].map((id) => `${gateway}/goods/${id}`);
    const load = await underLoad(urls, 30, async () => {
      await docker("kill", stack.container("cache-1"));
      await docker("start", stack.container("cache-1"));
      await until("the filter is filled again", isFilled);
      const nodes = [1, 2, 3].map((node) => `10.181.0.17${node}`);
      const roles = await Promise.all(nodes.map(async (node) => (await nodeStatus(node)).role));
      const next = roles.findIndex((role) => role === "replica") + 1;
      await docker("exec", stack.container(`mysql-${next}`), "mysql-keeper", "promote");
      expect(await send("PUT", "/goods/2", { name: "Mooring line, 30 m", price: 4_450 })).toMatchObject({ status: 200 });
    });
    expect(load.failures).toEqual([]);
    expect(await read(2)).toMatchObject({ body: { price: 4_450 } });
  });
});
