import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Origin, accessLog, fetched, statusOfRaw } from "../support/cdn";
import { containersOf, docker, eventsDuring } from "../support/engine";
import { get, underLoad, until } from "../support/load";
import { TestStack, freePorts } from "../support/test-stack";

const NAME = "test-cdn";
const PROGRAM = "test/stack/programs/squid-cdn/program.cjs";
const PROJECT_ROOT = join(import.meta.dirname, "..", "..", "..");
const ORIGIN = { host: "10.166.0.20", port: 8080 };

let stack: TestStack;
let origin: Origin;
let port: number;
let settings: Record<string, unknown>;
let bases: readonly string[];

const first = () => bases[0] ?? "";
const container = (n: number) => stack.container(`cdn-${n}`);
const host = () => `127.0.0.1:${port}`;

beforeAll(async () => {
  settings = { origins: [ORIGIN], domains: ["127.0.0.1", "cdn.example"], accelerators: 2, cacheMiB: 64, memoryMiB: 96 };
  await publishElsewhere();
  stack = await TestStack.create(NAME, { network: { subnet: "10.166.0.0/24", first: "10.166.0.231" }, cdn: settings }, PROGRAM);
  await stack.up();
  origin = await Origin.start(stack.label, ORIGIN.host);
  for (const base of bases) await until("the origin is seen", async () => (await fetched(base, "/bare/0")).status === 200);
});

afterAll(async () => {
  await stack?.remove();
});

/** Publishes the accelerators on ports that are free. */
async function publishElsewhere(): Promise<void> {
  port = await freePorts(2);
  bases = [0, 1].map((index) => `http://127.0.0.1:${port + index}`);
  settings = { ...settings, port };
}

/** Whether an accelerator, by default the first one, has a path in its cache once it was asked for it. */
async function isCached(path: string, base = first()): Promise<boolean> {
  const before = await fetched(base, path);
  const after = await fetched(base, path);
  expect([before.status, after.status]).toEqual([200, 200]);
  return before.asked === after.asked;
}

async function identities(): Promise<string[]> {
  return Object.entries(await containersOf(stack.label)).map(([node, { Id, State }]) => `${node} ${Id} ${State.StartedAt}`);
}

function purge(...args: string[]) {
  const command = [join(PROJECT_ROOT, "scripts", "dockyard.mjs"), "purge", ...args, "--cwd", stack.folder, "--stack", NAME];
  return execa(process.execPath, command, { stdin: "ignore", reject: false });
}

describe("a CDN of squid", () => {
  it("comes up hardened, and with nothing to change", async () => {
    expect(await stack.preview()).toEqual([]);
    for (const [node, { Config, HostConfig }] of Object.entries(await containersOf(stack.label))) {
      expect.soft(Config.User, node).toBe("10013:10013");
      expect.soft(HostConfig, node).toMatchObject({ ReadonlyRootfs: true, CapDrop: ["ALL"], PidsLimit: 512 });
      const addresses = Object.values(HostConfig.PortBindings ?? {}).flatMap((bindings) => bindings.map(({ HostIp }) => HostIp));
      expect.soft(addresses, node).toEqual(["127.0.0.1"]);
    }
  });

  it("answers from its cache what the origin lets it, and asks for the rest each time", async () => {
    expect(await isCached("/static/a.css")).toBe(true);
    expect(await isCached("/bare/a")).toBe(false);
    // A client cannot have it asked past the cache.
    const { asked } = await fetched(first(), "/static/a.css");
    expect(await fetched(first(), "/static/a.css", { "cache-control": "no-cache", pragma: "no-cache" })).toEqual({ status: 200, asked });
  });

  it("keeps all variants of a URL, purges each, and serves each while the origin is down", async () => {
    const variants = [undefined, "de", "en, de;q=0.5"].map((language) =>
      language === undefined ? undefined : { "accept-language": language },
    );
    const asked = async (path: string) => {
      const answers = [];
      for (const headers of variants) answers.push(await fetched(first(), path, headers));
      return answers;
    };
    const kept = await asked("/vary/kept");
    expect(new Set(kept.map((answer) => answer.asked)).size).toBe(3);
    const before = await asked("/vary/all");
    expect(await asked("/vary/all")).toEqual(before);
    expect((await purge("--refresh", "/vary/all")).stdout).toContain(
      'cdn-1: http://127.0.0.1:3128/vary/all (accept-language="de"): fetched anew',
    );
    const refreshed = await asked("/vary/all");
    const latest = Math.max(...before.map((answer) => answer.asked));
    expect(refreshed.filter((answer) => answer.asked <= latest)).toEqual([]);
    await origin.stop();
    expect(await asked("/vary/kept")).toEqual(kept);
    expect((await purge("/vary/all")).stdout).toContain("cdn-1: http://127.0.0.1:3128/vary/all: purged");
    for (const { status } of await asked("/vary/all")) expect(status).toBeGreaterThanOrEqual(500);
    await origin.resume();
    for (const base of bases) await until("the origin is seen", async () => (await fetched(base, "/bare/never-asked")).status === 200);
    const anew = await asked("/vary/all");
    expect(anew.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(await asked("/vary/all")).toEqual(anew);
  });

  it("passes no header on by which an origin could take the request for another one", async () => {
    const { body } = await get(`${first()}/static/poisoned`, { headers: { "x-forwarded-host": "evil.example", "x-passed": "1" } });
    expect(JSON.parse(body)).toMatchObject({ headers: expect.not.objectContaining({ "x-forwarded-host": expect.anything() as string }) });
    // What is not withheld would be seen.
    expect(JSON.parse(body)).toMatchObject({ headers: { "x-passed": "1" } });
  });

  it("logs each request as a line of JSON, also one that is meant to break it", async () => {
    await fetched(first(), "/static/logged");
    await fetched(first(), "/static/logged");
    await statusOfRaw(port, `GET /static/"\\\t{quoted} HTTP/1.1\r\nHost: ${host()}\r\n\r\n`);
    await statusOfRaw(port, `GET /static/"a\\b" HTTP/1.1\r\nHost: ${host()}\r\n\r\n`);
    await statusOfRaw(port, `X"Y\\ /static/ HTTP/1.1\r\nHost: ${host()}\r\n\r\n`);
    const lines = await accessLog(container(1));
    const logged = lines.filter(({ uri }) => uri === "http://127.0.0.1:3128/static/logged");
    expect(logged).toEqual([
      expect.objectContaining({ client: "10.166.0.1", method: "GET", status: 200, cache: "TCP_MISS", origin: "origin-1" }),
      expect.objectContaining({ status: 200, cache: expect.stringMatching(/^TCP_(MEM_)?HIT$/) as string, origin: "-" }),
    ]);
    for (const { time, bytes, milliseconds } of logged) {
      expect(Math.abs(Date.parse(String(time)) - Date.now())).toBeLessThan(60_000);
      expect([bytes, milliseconds]).toEqual([expect.any(Number), expect.any(Number)]);
    }
  });

  it("is no open proxy", async () => {
    const asked = async (line: string, hostHeader = host()) => statusOfRaw(port, `${line} HTTP/1.1\r\nHost: ${hostHeader}\r\n\r\n`);
    expect(await asked("GET /static/a.css")).toBe(200);
    expect(await asked("GET http://127.0.0.1:3128/static/a.css")).toBe(200);
    expect(await asked("GET /static/a.css", "cdn.example")).toBe(200);
    // The origin's own address, which is reached but not served.
    expect(await asked(`GET http://${ORIGIN.host}:${ORIGIN.port}/static/a.css`)).toBe(403);
    expect(await asked("GET http://example.com/")).toBe(403);
    expect(await asked("GET http://127.0.0.1:22/")).toBe(403);
    expect(await asked("GET ftp://127.0.0.1:3128/a")).toBe(403);
    expect(await asked("GET /static/a.css", "example.com")).toBe(403);
    expect(await asked("GET /squid-internal-mgr/info")).toBe(403);
    expect(await asked("GET /squid-internal-mgr/info", "cdn-1:3128")).toBe(403);
    expect(await asked("PURGE /static/a.css")).toBe(403);
    expect(await asked("TRACE /static/a.css")).toBe(403);
    for (const target of [`${ORIGIN.host}:${ORIGIN.port}`, "127.0.0.1:3128", "127.0.0.1:3129"])
      expect.soft(await asked(`CONNECT ${target}`, target), target).toBeGreaterThanOrEqual(403);
  });
});

describe("a CDN of squid that changes", () => {
  it("takes rules, sizes and limits up while it serves, without a new container and without a failed request", async () => {
    await isCached("/static/kept");
    const { asked } = await fetched(first(), "/static/kept");
    const before = await identities();
    const slow = get(`${first()}/slow/download`);
    settings = { ...settings, cacheMiB: 96, expiry: [{ pattern: "^/bare/ruled", minMinutes: 5, maxMinutes: 10 }], readTimeoutSeconds: 5 };
    const load = await underLoad(
      bases.flatMap((base) => [`${base}/static/kept`, `${base}/bare/loaded`]),
      200,
      () => stack.up({ cdn: settings }),
    );
    expect(load.sent).toBeGreaterThan(500);
    expect(load.failures).toEqual([]);
    expect((await slow).body).toBe("slow answer");
    expect(await identities()).toEqual(before);
    expect(await isCached("/bare/ruled")).toBe(true);
    expect(await isCached("/bare/other")).toBe(false);
    expect((await fetched(first(), "/static/kept")).asked).toBe(asked);
    expect(await docker("exec", container(2), "cat", "/var/cache/squid/granted")).toBe("96");
    expect(await stack.preview()).toEqual([]);
  });

  it("keeps the old configuration where squid refuses the new one, and says why in its words", async () => {
    const before = await identities();
    const broken = { ...settings, expiry: [{ pattern: "(?:x)" }] };
    expect(await stack.refusedUp({ cdn: broken })).toMatch(
      /cdn-1: the configuration was refused and the old one stays: .*Invalid preceding regular expression/s,
    );
    expect(await identities()).toEqual(before);
    expect(await isCached("/bare/ruled")).toBe(true);
    await stack.configure({ cdn: settings });
  });

  it("refuses a cache that its disk has no room for, before anything is touched", async () => {
    const [size = 0, free = 0] =
      (await docker("exec", container(1), "df", "--output=size,avail", "-BM", "/var/cache/squid"))
        .split("\n")[1]
        ?.match(/\d+/g)
        ?.map(Number) ?? [];
    const before = await identities();
    const large = { ...settings, accelerators: 1, memoryMiB: 16_384 };
    expect(await stack.refusal({ cdn: { ...large, cacheMiB: size + 1 } })).toMatch(
      /cdn\.cacheMiB: must fit on the disk of host local, which has \d+ MiB in all/,
    );
    expect(await stack.refusal({ cdn: { ...large, accelerators: 2, cacheMiB: Math.floor(size / 2) + 1 } })).toContain("for 2 accelerators");
    const said = await stack.refusedUp({
      cdn: { ...large, cacheMiB: free + Math.floor((size - free) / 2) },
    });
    expect(said).toMatch(/cacheMiB: \d+ is more than the \d+ MiB that the disk of the cache has free/);
    expect((await identities())[0]).toBe(before[0]);
    await stack.up({ cdn: settings });
  });

  it("purges and refreshes in every cache, under every domain", async () => {
    for (const base of bases) {
      for (const path of ["/static/purged", "/static/other", "/vary/purged"]) await isCached(path, base);
      await get(`${base}/static/purged`, { headers: { host: "cdn.example" } });
    }
    const other = await fetched(first(), "/static/other");
    const [one, two] = await Promise.all(bases.map((base) => fetched(base, "/static/purged")));
    const named = await fetched(first(), "/static/purged", { host: "cdn.example" });
    const varied = await fetched(first(), "/vary/purged");
    const { exitCode, stdout } = await purge("/static/purged", "/vary/purged");
    expect({ exitCode, stdout }).toMatchObject({ exitCode: 0 });
    for (const n of [1, 2]) {
      expect(stdout).toContain(`cdn-${n}: http://127.0.0.1:3128/static/purged: purged`);
      expect(stdout).toContain(`cdn-${n}: http://cdn.example:3128/static/purged: purged`);
    }
    const again = await Promise.all(bases.map((base) => fetched(base, "/static/purged")));
    expect(again[0]?.asked).not.toBe(one?.asked);
    expect(again[1]?.asked).not.toBe(two?.asked);
    expect((await fetched(first(), "/static/purged", { host: "cdn.example" })).asked).not.toBe(named.asked);
    expect((await fetched(first(), "/vary/purged")).asked).not.toBe(varied.asked);
    expect(await fetched(first(), "/static/other")).toEqual(other);

    const refreshed = await purge("--refresh", "/static/other");
    expect(refreshed.stdout).toContain("cdn-2: http://cdn.example:3128/static/other: fetched anew");
    const fresh = await fetched(first(), "/static/other");
    expect(fresh.asked).toBeGreaterThan(other.asked);
    expect(await fetched(first(), "/static/other")).toEqual(fresh);
    // What the origin has no more goes.
    await isCached("/gone/soon");
    expect((await get(`${first()}/remove/soon`)).status).toBe(200);
    expect((await purge("--refresh", "/gone/soon")).stdout).toContain("/gone/soon: the origin has it no more; purged");
    expect((await fetched(first(), "/gone/soon")).status).toBe(404);
    expect((await purge("no-path")).exitCode).toBe(1);
  });
});

describe("a CDN of squid whose origin is down", () => {
  it("serves what it has, fresh or stale, also after it was killed, and nothing else", async () => {
    await isCached("/static/down");
    const stale = await staleFile();
    await origin.stop();
    await docker("kill", container(1));
    await docker("start", container(1));
    await until("it is back", async () => (await fetched(first(), "/static/down")).status === 200);
    for (let turn = 0; turn < 20; turn++) {
      expect((await fetched(first(), "/static/down")).status).toBe(200);
      expect(await fetched(first(), "/short/down")).toEqual(stale);
    }
    // It would be noticed if the origin were still asked.
    expect((await fetched(first(), "/static/never-asked")).status).toBeGreaterThanOrEqual(500);
    const refused = await purge("--refresh", "/static/down");
    expect(refused.exitCode).toBe(1);
    expect(refused.stdout).toContain("/static/down: the origin did not answer; what is cached stays");
    expect((await fetched(first(), "/static/down")).status).toBe(200);
  });

  it("stops serving what has been stale for longer than it may", async () => {
    await stack.up({ cdn: { ...settings, staleIfErrorSeconds: 0 } });
    expect((await fetched(first(), "/short/down")).status).toBeGreaterThanOrEqual(500);
    expect((await fetched(first(), "/static/down")).status).toBe(200);
    await stack.up({ cdn: settings });
    expect((await fetched(first(), "/short/down")).status).toBe(200);
  });

  it("has its files over a roll, one accelerator at a time, and over an end of the stack", async () => {
    await publishElsewhere();
    const events = await eventsDuring(stack.label, () => stack.up({ cdn: settings }));
    expect(events.filter((event) => /^(die|start) cdn-\d/.test(event))).toEqual(["die cdn-1", "start cdn-1", "die cdn-2", "start cdn-2"]);
    expect((await fetched(first(), "/static/down")).status).toBe(200);
    await docker("kill", container(2));
    const elsewhere = { ...settings, port: await freePorts(2) };
    expect(await stack.refusedUp({ cdn: elsewhere })).toMatch(/cdn-1 cannot be spared now: none of the others is healthy/);
    await docker("rm", "--force", `${stack.label}-origin`);
    await stack.destroy();
    await stack.up({ cdn: settings });
    expect((await fetched(first(), "/static/down")).status).toBe(200);
  });

  it("serves a stale file after the time that a silent origin is granted, and asks one that is back", async () => {
    await until(
      "the origin is taken for dead",
      async () => (await fetched(first(), "/static/back")).status > 0 && (await said(/DEAD Parent: origin/)),
    );
    origin = await Origin.start(stack.label, ORIGIN.host);
    // Nobody but the accelerator itself finds out: the first client is not told that the origin is down.
    await until("the accelerator sees it", () => said(/REVIVED Parent: origin/));
    expect((await fetched(first(), "/static/back")).status).toBe(200);
    const stale = await staleFile();
    await origin.pause();
    expect(await fetched(first(), "/short/down")).toEqual(stale);
    await origin.unpause();
  });
});

/** Whether the first accelerator has said this of its origins since it was made. */
async function said(what: RegExp): Promise<boolean> {
  const { stderr } = await execa("docker", ["logs", container(1)], { stdin: "ignore" });
  return what.test(stderr);
}

/** What `/short/down` was answered with, once that is no longer fresh: a file that was asked for later is asked for again. */
async function staleFile(): Promise<{ status: number; asked: number }> {
  const stale = await fetched(first(), "/short/down");
  const later = await fetched(first(), "/short/later");
  await until("it is stale", async () => (await fetched(first(), "/short/later")).asked !== later.asked);
  return stale;
}
