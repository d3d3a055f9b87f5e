import { request } from "node:http";
import { setTimeout as delay } from "node:timers/promises";
import { execa } from "execa";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type LoggedRequest, burst, requestsOf, tally } from "../support/burst";
import { CountingService, ahead } from "../support/counting-service";
import { containersOf, docker } from "../support/engine";
import { isKept, keptAt } from "../support/kept-answer";
import { type Tier, tiersOf } from "../support/leaky-bucket";
import { type Answer, get, until } from "../support/load";
import { operate } from "../support/redis";
import { TestStack, freePorts } from "../support/test-stack";

const GATEWAY = "10.153.0.21:8080";
const SECOND = "10.153.0.22:8080";
const BURST = 1000;
const RATE = 100;
/** What the circuit takes for slow, by itself. */
const SLOW_MS = 2000;
/** Small enough to be empty again before long. */
const BUCKET = { rate: RATE, capacity: 400, delays: { service: 1, cache: 2, static: 3 } };

let stack: TestStack;
let consul: string;
let redis: string;
const service = new CountingService();

beforeAll(async () => {
  const port = await freePorts(5);
  consul = `http://127.0.0.1:${port}`;
  stack = await TestStack.create(
    "test-tiers",
    {
      port,
      tiers: {
        goods: {
          ...BUCKET,
          circuit: { windowSeconds: 2, minimumRequests: 10, openSeconds: 0.5, probes: 2 },
          fill: { refreshSeconds: 0.2 },
          filter: { name: "goods:known", pattern: "^/goods/item/(\\d+)$", filledKey: "goods:filled" },
        },
        shared: { ...BUCKET, together: true, empty: { status: 200, body: "{}" } },
      },
    },
    "test/stack/programs/gateway-tiers/program.cjs",
  );
  redis = stack.container("cache-1");
  await stack.up();
  const address = `10.153.0.1:${await service.start("10.153.0.1")}`;
  for (const name of ["goods", "shared"]) await put(`upstreams/${name}/${address}`, "{}");
  for (const gateway of [GATEWAY, SECOND]) for (const path of ["/goods/1", "/shared/1"]) await keep(path, gateway);
});

afterAll(async () => {
  await service.stop();
  await stack.remove();
});

beforeEach(() => untilEmpty());

function put(key: string, value: string) {
  return get(`${consul}/v1/kv/${key}`, { method: "PUT", body: value });
}

interface Asked {
  gateway?: string;
  method?: string;
  headers?: Record<string, string>;
}

async function ask(path: string, { gateway = GATEWAY, ...request }: Asked = {}): Promise<Answer & { tier: string }> {
  const answer = await get(`http://${gateway}${path}`, request);
  return { ...answer, tier: String(answer.headers["x-gateway-tier"]) };
}

/** Begins to send a body, and ends it when a service that took so long would be slow. @returns who answered. */
async function sendSlowly(path: string): Promise<string> {
  const [host, port] = GATEWAY.split(":");
  const outgoing = request({ host, port, path, method: "POST", headers: { "content-length": 4 }, agent: false });
  const answered = new Promise<string>((resolve, reject) => {
    outgoing.on("error", reject);
    outgoing.on("response", (incoming) => {
      incoming.resume().on("error", reject);
      resolve(`${String(incoming.headers["x-gateway-tier"])} ${incoming.statusCode}`);
    });
  });
  outgoing.write("12");
  await delay(SLOW_MS + 200);
  outgoing.end("34");
  return answered;
}

async function circuit(): Promise<string> {
  const { body } = await get(`http://10.153.0.21:8081/__gateway/tiers`);
  return (JSON.parse(body) as { locations: Record<string, { circuit: string }> }).locations.goods?.circuit ?? "";
}

/** Throws a location's switch, and waits until it is obeyed; fails when that takes more than a second. */
async function switchTo(word: string, expected: string, path = "/goods/1"): Promise<void> {
  await operate(redis, "SET", "gateway:switch:goods", word);
  await until(`${word} is obeyed`, async () => (await ask(path)).tier === expected, 1000);
}

/** What an answer is kept by: the port is no part of it. */
function urlOf(path: string, gateway = GATEWAY): string {
  return `http://${gateway.split(":")[0]}${path}`;
}

/** Asks a gateway for a path until its answer is kept. @returns how often it has been asked. */
async function keep(path: string, gateway = GATEWAY): Promise<number> {
  const name = path.split("/")[1] ?? "";
  let asked = 0;
  await until(`${path} is kept`, async () => {
    asked++;
    await ask(path, { gateway });
    return isKept(redis, name, urlOf(path, gateway));
  });
  return asked;
}

/** A bucket is away once it has run empty, in both of its places. */
async function untilEmpty(): Promise<void> {
  await until("the bucket is empty", async () => {
    const { body } = await get(`http://10.153.0.21:8081/__gateway/tiers`);
    const { locations } = JSON.parse(body) as { locations: Record<string, { delay?: number }> };
    return Object.values(locations).every(({ delay = 0 }) => delay === 0);
  });
}

/** Sends a burst for a path that nobody has asked for yet, and that is kept; gives what each tier answered and what it should have. */
async function burstOf(path: string, gateways = [GATEWAY]) {
  const each = BURST / gateways.length;
  const asked = await Promise.all(gateways.map((gateway) => keep(path, gateway)));
  await untilEmpty();
  const [before, began] = [service.times.length, performance.now()];
  const counts = tally((await Promise.all(gateways.map((gateway) => burst(gateway, path, each)))).flat());
  const logged: LoggedRequest[] = [];
  for (const [index, gateway] of gateways.entries()) {
    const container = stack.container(gateway === SECOND ? "second-1" : "gateway-1");
    const first = asked[index] ?? 0;
    logged.push(...(await requestsOf(container, path, first + each)).slice(first));
  }
  const expected = tiersOf(
    logged.map(({ arrival }) => arrival),
    BUCKET,
  );
  return { counts, logged, expected, ahead: ahead(service.times.slice(before), began, RATE) };
}

/** Within one in a hundred of what it should be, and one: two workers' clocks differ by a little. */
function near(expected: number) {
  return { atLeast: Math.floor(expected * 0.99) - 1, atMost: Math.ceil(expected * 1.01) + 1 };
}

function expectTiers(counts: Readonly<Record<string, number>>, expected: Readonly<Record<Tier, number>>): void {
  for (const [tier, count] of Object.entries(expected)) {
    const found = counts[`${tier} ${tier === "rejected" ? 503 : 200}`] ?? 0;
    const { atLeast, atMost } = near(count);
    expect(found, tier).toBeGreaterThanOrEqual(atLeast);
    expect(found, tier).toBeLessThanOrEqual(atMost);
  }
  expect(Object.values(counts).reduce((sum, count) => sum + count, 0)).toBe(BURST);
  expect(Object.keys(counts).sort()).toEqual(["cache 200", "rejected 503", "service 200", "static 200"].filter((key) => key in counts));
}

describe("a burst", () => {
  it("is answered by exactly the tiers that the bucket gives, which the log says too, and the service gets its rate", async () => {
    const { counts, logged, expected, ahead } = await burstOf("/goods/burst");
    expectTiers(counts, expected);
    expect(tally(logged)).toEqual(counts);
    // A timer of nginx may be a millisecond early.
    expect(ahead).toBeLessThan(0.5);
  });

  it("on two gateways at once is one burst where they share the bucket", async () => {
    const { counts, ahead } = await burstOf("/shared/burst", [GATEWAY, SECOND]);
    // What leaks while the burst waits for Redis is little; with a bucket each it would be twice as many.
    for (const tier of ["service", "cache", "static"]) {
      expect(counts[`${tier} 200`], tier).toBeGreaterThanOrEqual(RATE);
      expect(counts[`${tier} 200`], tier).toBeLessThan(RATE * 1.5);
    }
    expect(ahead).toBeLessThan(0.5);
  });
});

describe("a switch", () => {
  it("is obeyed within a second by all workers, without a reload", async () => {
    const workers = await docker("top", stack.container("gateway-1"), "-o", "pid");
    for (const [word, tier] of [
      ["cache", "cache"],
      ["static", "static"],
      ["empty", "empty"],
      ["service", "service"],
    ] as const) {
      await switchTo(word, tier);
      const answers = await burst(GATEWAY, "/goods/1", 50);
      expect(answers.every((answer) => answer.tier === tier)).toBe(true);
    }
    await switchTo("auto", "service");
    expect(await docker("top", stack.container("gateway-1"), "-o", "pid")).toBe(workers);
  });

  it("in Consul counts where Redis says nothing", async () => {
    await put("switches/goods", "static");
    await until("auto in Redis goes first", async () => (await ask("/goods/1")).tier === "service", 1000);
    await operate(redis, "DEL", "gateway:switch:goods");
    await until("static in Consul is obeyed", async () => (await ask("/goods/1")).tier === "static", 1000);
    await get(`${consul}/v1/kv/switches/goods`, { method: "DELETE" });
    await until("without a word it is auto", async () => (await ask("/goods/1")).tier === "service", 1000);
  });

  it("off the service refuses what changes something, and has nothing where nothing was kept", async () => {
    await switchTo("cache", "cache");
    expect(await ask("/goods/1", { method: "POST" })).toMatchObject({ status: 503, tier: "rejected", headers: { "retry-after": "1" } });
    for (const header of ["authorization", "cookie", "x-api-key"])
      expect(await ask("/goods/1", { headers: { [header]: "x" } }), header).toMatchObject({ status: 503, tier: "rejected" });
    expect(await ask("/goods/never-asked-for")).toMatchObject({ status: 204, tier: "empty", body: "" });
    await switchTo("auto", "service");
  });
});

describe("an answer", () => {
  it("is kept for the tiers below with its age, and made anew", async () => {
    await keep("/goods/aged?x=1");
    await switchTo("cache", "cache");
    const kept = await ask("/goods/aged?x=1");
    expect(kept).toMatchObject({
      status: 200,
      tier: "cache",
      body: '{"url":"/goods/aged?x=1"}',
      headers: { "content-type": "application/json", "cache-control": "max-age=0, must-revalidate" },
    });
    await until("it is older", async () => Number((await ask("/goods/aged?x=1")).headers.age) > Number(kept.headers.age));
    await switchTo("auto", "service");
    await until("it is young again", async () => {
      await ask("/goods/aged?x=1");
      return Date.now() / 1000 - ((await keptAt(redis, "goods", urlOf("/goods/aged?x=1"))) ?? 0) < 1;
    });
  });

  it("is not kept where it is for one person, or too large", async () => {
    for (const path of ["/goods/private", "/goods/cookie", "/goods/large"]) expect((await ask(path)).status).toBe(200);
    await ask("/goods/login", { headers: { authorization: "Basic x" } });
    await ask("/goods/session", { headers: { cookie: "a=b" } });
    await ask("/goods/key", { headers: { "x-api-key": "a" } });
    // One that nobody has asked for twice is not either.
    await ask("/goods/query?once");
    await keep("/goods/control");
    await switchTo("static", "static");
    for (const path of ["private", "cookie", "large", "login", "session", "key", "query?once"])
      expect((await ask(`/goods/${path}`)).tier, path).toBe("empty");
    expect((await ask("/goods/control")).tier).toBe("static");
    // Nor is it what another host is asked for.
    expect((await ask("/goods/control", { headers: { host: "elsewhere" } })).tier).toBe("empty");
    await switchTo("auto", "service");
  });

  it("that would send nginx elsewhere is the client's, as it is", async () => {
    expect(await service.countDuring(async () => expect((await ask("/goods/elsewhere")).body).toBe('{"url":"/goods/elsewhere"}'))).toBe(1);
  });

  it("is given no more when the service has withdrawn it", async () => {
    await keep("/goods/withdrawn");
    service.status = 404;
    await until("Redis has it no more", async () => {
      await ask("/goods/withdrawn");
      return !(await isKept(redis, "goods", urlOf("/goods/withdrawn")));
    });
    service.status = 200;
    await switchTo("static", "static");
    await until("no file has it", async () => (await ask("/goods/withdrawn")).tier === "empty");
    await switchTo("auto", "service");
  });

  it("is given no more by a gateway that others have told of it", async () => {
    // By what the other gateway is asked for.
    const headers = { host: GATEWAY };
    const atSecond = async (path: string) => (await ask(path, { gateway: SECOND, headers })).tier;
    for (const path of ["/goods/told", "/goods/untold"])
      await until("it is kept", async () => {
        await atSecond(path);
        return isKept(redis, "goods", urlOf(path));
      });
    service.status = 404;
    await ask("/goods/told");
    service.status = 200;
    await switchTo("static", "static");
    // The control, and before the other one obeys it would keep anew what it is asked for.
    await until("the other one obeys", async () => (await atSecond("/goods/untold")) === "static");
    await until("it has none of it", async () => (await atSecond("/goods/told")) === "empty");
    await switchTo("auto", "service");
  });
});

describe("the filter", () => {
  it("has absent things answered without the service, where it is known to be full", async () => {
    await operate(redis, "FCALL", "bf_add", "1", "goods:known", "7");
    const absent = async () => (await ask("/goods/item/8")).status === 404;
    const run = /run_id:(\w+)/.exec(await operate(redis, "INFO", "server"))?.[1] ?? "";
    // The control: one that nobody has said to be full denies nothing.
    expect(await service.countDuring(async () => expect(await absent()).toBe(false))).toBe(1);
    await operate(redis, "SET", "goods:filled", run);
    await until("the filter counts", absent);
    expect(await service.countDuring(async () => expect(await ask("/goods/item/8")).toMatchObject({ status: 404, tier: "filter" }))).toBe(
      0,
    );
    expect(await ask("/goods/item/7")).toMatchObject({ status: 200, tier: "service" });
    expect((await burst(GATEWAY, "/goods/item/9", 300)).filter(({ tier }) => tier === "service")).toEqual([]);
  });
});

describe("the circuit", () => {
  it("opens when the service fails, leaves it alone but for probes, and closes when it is well", async () => {
    service.status = 500;
    await until("the circuit is open", async () => (await ask("/goods/1")).tier === "cache");
    const asked = await service.countDuring(async () => {
      for (let i = 0; i < 100; i++) await ask("/goods/1");
    });
    expect(asked).toBeLessThan(10);
    service.status = 200;
    await until(
      "the circuit is closed",
      async () => (await ask("/goods/1")).tier === "service" && (await ask("/goods/1")).tier === "service",
    );
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask("/goods/1")));
    expect(answers.every(({ tier }) => tier === "service")).toBe(true);
  });

  it("stays closed where clients are slow to send, and opens where the service is slow to answer", async () => {
    const sent = await Promise.all(Array.from({ length: 12 }, () => sendSlowly("/goods/slow")));
    expect([...new Set(sent), await circuit()]).toEqual(["service 200", "closed"]);
    // The control.
    service.delayMs = SLOW_MS + 200;
    await Promise.all(Array.from({ length: 12 }, () => ask("/goods/1")));
    expect(await circuit()).not.toBe("closed");
    service.delayMs = 0;
    await until("it is closed again", async () => (await ask("/goods/1")).tier === "service" && (await circuit()) === "closed");
  });
});

describe("without Redis", () => {
  it("the limits go on and the tiers skip it, with one line in the log", async () => {
    const asked = await keep("/goods/alone");
    await untilEmpty();
    await docker("kill", redis);
    try {
      const counts = tally(await burst(GATEWAY, "/goods/alone", BURST));
      const expected = tiersOf(
        (await requestsOf(stack.container("gateway-1"), "/goods/alone", asked + BURST)).slice(asked).map(({ arrival }) => arrival),
        BUCKET,
      );
      expectTiers(counts, { ...expected, cache: 0, static: expected.cache + expected.static });
      expect(counts).not.toHaveProperty("cache 200");
      // Those that share a bucket with others have one of their own meanwhile.
      const alone = tally(await burst(SECOND, "/shared/1", BURST));
      expect(alone["service 200"]).toBeGreaterThanOrEqual(RATE);
      expect(alone["rejected 503"]).toBeGreaterThan(0);
      const { stderr } = await execa("docker", ["logs", stack.container("gateway-1")]);
      expect(stderr.split("\n").filter((line) => line.includes("Redis is away"))).toHaveLength(1);
      // What Redis said last, which nobody can take back now, goes behind Consul after ten seconds.
      await put("switches/goods", "static");
      await until("Consul is obeyed", async () => (await ask("/goods/1")).tier === "static", 12_000);
    } finally {
      await docker("start", redis);
    }
    await until("Redis takes a word", () => operate(redis, "SET", "gateway:switch:goods", "auto"));
    await until("Redis goes first again", async () => (await ask("/goods/1")).tier === "service");
    await get(`${consul}/v1/kv/switches/goods`, { method: "DELETE" });
    await until("Redis is used again", async () => (await burst(GATEWAY, "/goods/1", 150)).some(({ tier }) => tier === "cache"));
  });
});

describe("components that are renamed", () => {
  it("are the same on the engine, where their alias says what they were called", async () => {
    const found = async () => {
      const containers = Object.entries(await containersOf(stack.label)).map(([node, { Id }]) => [node, Id]);
      const volumes = (await docker("volume", "ls", "--quiet", "--filter", `label=dockyard.stack=${stack.label}`)).split("\n").sort();
      return { containers, volumes };
    };
    const before = await found();
    await stack.configure({ renamed: true });
    expect(await stack.preview()).toEqual([]);
    await stack.up();
    expect(await found()).toEqual(before);
    expect(await stack.preview()).toEqual([]);
    expect((await ask("/goods/1")).status).toBe(200);
  });
});
