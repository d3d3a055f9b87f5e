import { Agent } from "node:http";
import { request } from "node:https";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { gatewayCheck } from "../../../components/nginx-upsync-gateway/nginx-command";
import { selfSigned } from "../support/certificates";
import { containersOf, docker } from "../support/engine";
import { type Answer, get, underLoad, until } from "../support/load";
import { TestStack, freePorts } from "../support/test-stack";

const PROGRAM = "test/stack/programs/gateways/program.cjs";
const ENTRY = "http://10.154.0.100:8080";
const ENTRIES = ["10.154.0.41:8000", "10.154.0.42:8000"];
const GREETING = 'return function() return require("site.words").welcome .. " one" end';
const LIST = '{"weight":1,"max_fails":2,"fail_timeout":10,"down":0,"backup":0}';

interface Dump {
  services: Record<string, { peers: unknown[] }>;
}

let stack: TestStack;
let ports: number;
let settings: { greeting: string; logMiB: number; ports: number };

const consul = () => `http://127.0.0.1:${ports}`;
const direct = (n: number) => `http://127.0.0.1:${ports + n}`;
const admin = (n: number) => `http://127.0.0.1:${ports + 2 + n}`;
const container = (n: number) => stack.container(`gateway-${n}`);

beforeAll(async () => {
  ports = await freePorts(7);
  settings = { greeting: GREETING, logMiB: 30, ports };
  const network = {
    subnet: "10.154.0.0/24",
    addresses: {
      discovery: "10.154.0.21",
      cache: "10.154.0.31",
      web: "10.154.0.41",
      gateway: "10.154.0.11",
      entry: "10.154.0.15",
    },
    virtualAddress: "10.154.0.100",
  };
  stack = await TestStack.create("test-gateways", { network, gateway: settings, tls: selfSigned({ name: "edge" }) }, PROGRAM);
  await stack.up();
  await restored();
});

afterAll(async () => {
  await stack?.remove();
});

async function kv(method: "PUT" | "DELETE", key: string, body?: string, agent?: Agent): Promise<void> {
  const { status } = await get(`${consul()}/v1/kv/upstreams/${key}`, { method, body, agent });
  expect(status).toBe(200);
}

/** What a gateway says of a service. */
async function listed(n: number, service: string): Promise<{ peers: string[]; source: string }> {
  const { services } = JSON.parse((await get(`${admin(n)}/__gateway/upstreams`)).body) as {
    services: Record<string, { peers: { address: string }[]; source: string }>;
  };
  const { peers = [], source = "" } = services[service] ?? {};
  return { peers: peers.map(({ address }) => address).sort(), source };
}

/** Every gateway sends to both web servers. */
async function restored(): Promise<void> {
  for (const address of ENTRIES) for (const service of ["web", "emptied"]) await kv("PUT", `${service}/${address}`, LIST);
  for (const n of [1, 2]) {
    for (const service of ["web", "emptied"])
      await until(`gateway ${n} lists ${service}`, async () => (await listed(n, service)).peers.join() === ENTRIES.join());
  }
  await until("the address leads to a gateway", async () => (await get(`${ENTRY}/web`)).status === 200);
}

async function logOf(n: number, since: string): Promise<string[]> {
  return (await execa("docker", ["logs", "--since", since, container(n)], { all: true })).all.split("\n");
}

async function now(): Promise<string> {
  return (await docker("info", "--format", "{{.SystemTime}}")).trim();
}

/** Process ids and memory in KiB of a gateway's workers. */
async function workersOf(n: number): Promise<{ pid: string; residentKiB: number }[]> {
  return (await docker("top", container(n), "-o", "pid,rss,args"))
    .split("\n")
    .filter((line) => line.includes("worker process") && !line.includes("shutting down"))
    .map((line) => line.trim().split(/\s+/))
    .map(([pid = "", residentKiB]) => ({ pid, residentKiB: Number(residentKiB) }));
}

const pidsOf = async (n: number) => (await workersOf(n)).map(({ pid }) => pid);

function form(url: string, body: string, type = "application/x-www-form-urlencoded"): Promise<Answer> {
  return get(url, { method: "POST", body, headers: { "content-type": type } });
}

describe("a location in Lua", () => {
  it("answers from Redis, with arguments of GET and POST", async () => {
    const answers = [await get(`${ENTRY}/hello?name=Ada`), await form(`${ENTRY}/hello`, "name=Ada"), await get(`${ENTRY}/hello?name=Bo`)];
    expect(answers.map(({ status, body }) => [status, JSON.parse(body)] as const)).toEqual([
      [200, { hello: "Ada", times: 1 }],
      [200, { hello: "Ada", times: 2 }],
      [200, { hello: "Bo", times: 1 }],
    ]);
  });

  it("is handed every value of an argument, and what JSON holds", async () => {
    const echoed = async (answer: Promise<Answer>) => JSON.parse((await answer).body) as unknown;
    expect(await echoed(form(`${direct(1)}/faults/echo?a=1&a=2&flag`, "b=%C3%A4+%2B&b"))).toMatchObject({
      method: "POST",
      get: { a: "1", flag: "" },
      post: { b: "ä +" },
      lists: { get: { a: ["1", "2"], flag: [""] }, post: { b: ["ä +", ""] } },
    });
    expect(await echoed(form(`${direct(1)}/faults/echo`, '{"a":[1]}', "application/json"))).toMatchObject({ json: { a: [1] } });
  });

  it("refuses what it does not take", async () => {
    const url = `${direct(1)}/faults/echo`;
    expect((await get(url, { method: "DELETE" })).headers).toMatchObject({ allow: "GET, POST" });
    const statuses = [
      await get(url, { method: "DELETE" }),
      await form(url, "{", "application/json"),
      await get(`${url}?${Array.from({ length: 101 }, (_, n) => n).join("&")}`),
      await form(url, "a".repeat(4096), "text/plain"),
      await form(url, "a".repeat(4097), "text/plain"),
    ];
    expect(statuses.map(({ status }) => status)).toEqual([405, 400, 400, 200, 413]);
  });

  it("that fails is answered with 500 and a line in the log, by workers that go on", async () => {
    const [since, before] = [await now(), await pidsOf(1)];
    for (const fault of ["index", "overflow", "raised", "answer", "status", "unknown"]) {
      const { status, body } = await get(`${direct(1)}/faults/${fault}`);
      expect.soft([status, body], fault).toEqual([500, '{"error":"internal error"}']);
    }
    expect((await get(`${direct(1)}/hello`)).status).toBe(200);
    expect(await pidsOf(1)).toEqual(before);
    const lines = (await logOf(1, since)).filter((line) => line.includes("gateway: the Lua of faults failed"));
    expect(lines).toHaveLength(6);
    expect(lines[0]).toMatch(/faults\.lua:7: attempt to index local 'nothing'.*stack traceback/);
    // A worker that dies would be seen.
    await execa("kill", ["-KILL", before[0] ?? ""]);
    await until("another worker", async () => (await pidsOf(1)).length === 2);
    expect(await pidsOf(1)).not.toEqual(before);
  });

  it("hears at once that Redis is away, logged once, and calls it again when it is back", async () => {
    const since = await now();
    await docker("kill", stack.container("cache-1"));
    const answers = [];
    for (let turn = 0; turn < 20; turn++) answers.push(await get(`${direct(2)}/hello`));
    expect(new Set(answers.map(({ status, body }) => `${status} ${body}`))).toContain('503 {"error":"Redis is away"}');
    expect(answers.every(({ status }) => status === 503)).toBe(true);
    expect((await get(`${direct(2)}/web`)).status).toBe(200);
    expect((await logOf(2, since)).filter((line) => line.includes("gateway: Redis is away"))).toHaveLength(1);
    await docker("start", stack.container("cache-1"));
    // Each worker finds it out for itself, within half a second; a new connection may come to any of them.
    const calledAgain = async () => (await get(`${direct(2)}/hello`)).status === 200;
    await until("Redis is called again by all workers", async () => {
      for (let turn = 0; turn < 20; turn++) if (!(await calledAgain())) return false;
      return true;
    });
    expect(JSON.parse((await get(`${direct(2)}/hello?name=Ada`)).body)).toEqual({ hello: "Ada", times: 3 });
  });

  it("leaves the password in the one file that is for it", async () => {
    const { password } = await stack.secretOutputs<{ password: string }>();
    expect(await stack.storedState()).not.toContain(password);
    expect(await docker("inspect", container(1))).not.toContain(password);
    // By its input: a command line would hold it as well.
    const search = [
      "exec",
      "-i",
      container(1),
      "sh",
      "-c",
      "grep -rlFf - /etc/gateway/current/ /var/lib/gateway /proc/1/environ /proc/*/cmdline",
    ];
    const { stdout: files } = await execa("docker", search, { input: password, reject: false });
    expect(files).toBe("/etc/gateway/current/redis.password");
    expect(await docker("exec", container(1), "stat", "-Lc", "%a %u", "/etc/gateway/current/redis.password")).toBe("400 101");
  });
});

describe("several gateways behind one address", () => {
  it("are there with nothing to change", async () => {
    expect(await stack.preview()).toEqual([]);
  });

  it("have nothing to change a month later, and are refused by name once their certificate has expired", async () => {
    expect(await stack.previewAfter(31)).toEqual([]);
    await expect(stack.previewAfter(400)).rejects.toThrow("must not have expired, as that of CN=edge has; renew it");
  });

  it("answer every request while one is killed and all are replaced, one after the other", async () => {
    const ids = async () => [1, 2].map(async (n) => (await containersOf(stack.label))[`gateway-${n}`]?.Id);
    const before = await Promise.all(await ids());
    // The engine cannot give a container that runs another log.
    settings = { ...settings, logMiB: 33, greeting: GREETING.replace("one", "two") };
    const harm = async () => {
      await docker("kill", container(1));
      await new Promise((resolve) => setTimeout(resolve, 2000));
      await docker("start", container(1));
      await until("it is back", async () => (await get(`${direct(1)}/web`)).status === 200);
      await stack.up({ gateway: settings });
    };
    const single = { failures: [] as readonly string[] };
    const load = await underLoad([`${ENTRY}/web`, `${ENTRY}/hello?name=load`], 100, async () => {
      Object.assign(single, await underLoad([`${direct(1)}/web`], 20, harm));
    });
    expect(load.sent).toBeGreaterThan(500);
    expect(load.failures).toEqual([]);
    // Whoever has one alone notices.
    expect(single.failures.length).toBeGreaterThan(10);
    const after = await Promise.all(await ids());
    expect(after.filter((id) => id === undefined || before.includes(id))).toEqual([]);
    for (const n of [1, 2]) expect((await get(`${direct(n)}/greeting`)).body).toBe("welcome two");
  });

  it("serve TLS behind the address, and each at a port of its own", async () => {
    const statusOf = (url: string) =>
      new Promise((resolve, reject) => {
        const outgoing = request(url, { agent: false, rejectUnauthorized: false }, (incoming) => resolve(incoming.resume().statusCode));
        outgoing.on("error", reject).end();
      });
    const urls = [
      ENTRY.replace("http:", "https:").replace("8080", "8443"),
      `https://127.0.0.1:${ports + 5}`,
      `https://127.0.0.1:${ports + 6}`,
    ];
    expect(await Promise.all(urls.map((url) => statusOf(`${url}/web`)))).toEqual([200, 200, 200]);
  });

  it("keep what they run when a file is no Lua", async () => {
    const before = await pidsOf(1);
    const broken = { ...settings, greeting: "return function( = 1" };
    expect(await stack.refusal({ gateway: broken })).toMatch(
      /gateway\.lua\.locations\.\w+: must be what nginx takes, .*greeting\.lua:1: .* expected near/,
    );
    expect(await pidsOf(1)).toEqual(before);
    expect((await get(`${ENTRY}/greeting`)).body).toBe("welcome two");
    await stack.configure({ gateway: settings });
  });

  it.each([
    ["returns a function", "return function() end", /^$/],
    ["returns something else", "return 5", /it must return function\(request, redis\), and returns a number/],
    ["asks for a file that is not there", 'return require "site.absent"', /module 'site\.absent' not found/],
    ["fails", 'error("no")', /greeting\.lua:1: no/],
  ])("have a file looked at that %s, before they take it up", async (_, greeting, words) => {
    const folder = "/tmp/looked-at";
    const script = `rm -rf ${folder}; cp -r /etc/gateway/current/ ${folder}; cd ${folder}/lua/site/locations; rm -f greeting.lua; cat > greeting.lua`;
    await execa("docker", ["exec", "-i", container(1), "sh", "-c", script], { input: greeting });
    const { stderr } = await execa("docker", ["exec", container(1), ...gatewayCheck(folder, "lua")], { stdin: "ignore", reject: false });
    expect(stderr).toMatch(words);
  });
});

describe("the faults of nginx-upsync", () => {
  it("#180: a reload while Consul is away goes on with the list, and a start with the dump", async () => {
    await docker("stop", stack.container("discovery-1"));
    const statuses: number[] = [];
    const before = await pidsOf(1);
    await docker("kill", "--signal", "HUP", container(1));
    await until("new workers answer", async () => {
      // Each over a connection of its own: a reload closes those that are idle.
      statuses.push((await get(`${direct(1)}/web`, { agent: new Agent() })).status);
      return (await pidsOf(1)).every((pid) => !before.includes(pid));
    });
    for (let turn = 0; turn < 50; turn++) statuses.push((await get(`${direct(1)}/web`, { agent: new Agent() })).status);
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect((await listed(1, "web")).peers).toEqual(ENTRIES);
    await docker("restart", container(1));
    await until("it serves from the dump", async () => (await get(`${direct(1)}/web`)).status === 200);
    expect(await listed(1, "web")).toEqual({ peers: ENTRIES, source: "dump" });

    // Without the dump it knows nobody.
    await docker("exec", container(1), "rm", "/var/lib/gateway/upstreams.json");
    await docker("kill", container(1));
    await docker("start", container(1));
    await until("it answers", async () => (await get(`${direct(1)}/web`)).status >= 502);
    await docker("start", stack.container("discovery-1"));
    await until("a leader", async () => (await get(`${consul()}/v1/status/leader`)).body.length > 5);
    await restored();
  });

  it("#211: a key that is deleted takes no other along, and comes back", async () => {
    const seen = new Set<string>();
    const { failures } = await underLoad([`${direct(1)}/web`], 50, async () => {
      for (let turn = 0; turn < 20; turn++) {
        const [key = ""] = turn % 2 === 0 ? ENTRIES : ENTRIES.slice(1);
        await kv("DELETE", `web/${key}`);
        await until("it is gone", async () => !(await listed(1, "web")).peers.includes(key));
        seen.add((await listed(1, "web")).peers.join());
        await kv("PUT", `web/${key}`, LIST);
        await until("it is back", async () => (await listed(1, "web")).peers.join() === ENTRIES.join());
      }
    });
    expect(failures).toEqual([]);
    expect([...seen].sort()).toEqual(ENTRIES);
  });

  it("#240: the last keys can be deleted where that is allowed, and are kept where it is not until there are others", async () => {
    for (const address of ENTRIES) for (const service of ["web", "emptied"]) await kv("DELETE", `${service}/${address}`);
    await until("the list is empty", async () => (await listed(1, "emptied")).peers.length === 0);
    expect((await get(`${direct(1)}/emptied`)).status).toBe(503);
    await until("the dump says so as well", async () => {
      const dump = JSON.parse(await docker("exec", container(1), "cat", "/var/lib/gateway/upstreams.json")) as Dump;
      return dump.services.emptied?.peers.length === 0;
    });
    expect((await listed(1, "web")).peers).not.toEqual([]);
    expect((await get(`${direct(1)}/web`)).status).toBe(200);
    const [only = ""] = ENTRIES;
    await kv("PUT", `web/${only}`, LIST);
    await until("the others are gone", async () => (await listed(1, "web")).peers.join() === only);
    await restored();
  });

  it("#273: memory stays as it is over a thousand changes", async () => {
    const agent = new Agent({ keepAlive: true });
    const change = async (times: number) => {
      for (let turn = 0; turn < times; turn++)
        await kv("PUT", `web/${ENTRIES[1]}`, LIST.replace('"weight":1', `"weight":${1 + (turn % 100)}`), agent);
    };
    const total = async () => (await workersOf(1)).reduce((sum, { residentKiB }) => sum + residentKiB, 0);
    await change(300);
    const before = await total();
    await change(1000);
    expect((await total()) - before).toBeLessThan(1024);
    agent.destroy();
    await restored();
  });
});
