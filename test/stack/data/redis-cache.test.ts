import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { RedisBloomFilter } from "../../../apps/shop/src/cache/bloom-filter";
import { RedisLink } from "../../../apps/shop/src/cache/redis-link";
import { pause, containersOf, docker, eventsDuring } from "../support/engine";
import { until } from "../support/load";
import { loseTail } from "../support/lost-data";
import { processesDuring } from "../support/processes";
import { answerTo, linkTo, loginAt, missingKeys, operate, primariesOf, untilStanding, writtenDuring } from "../support/redis";
import { TestStack, freePorts } from "../support/test-stack";

const NAME = "test-redis";
const PROGRAM = "test/stack/programs/redis-cache/program.cjs";
const FILES = "/etc/redis/node/current";
const SENTINELS = ["10.183.0.11:26379", "10.183.0.12:26379", "10.183.0.13:26379"];
const SEEN = { name: "app:seen", errorRate: 0.01, capacity: 20_000 };

let stack: TestStack;
let port: number;
let settings: Record<string, unknown>;
let link: RedisLink;
let passwords: Record<string, string>;

const servers = () => [1, 2, 3].map((n) => stack.container(`cache-${n}`));
const endpoint = (n: number) => `10.183.0.2${n}:6379`;

beforeAll(async () => {
  port = await freePorts(10);
  settings = {
    replicas: 2,
    port,
    memoryMiB: 96,
    users: [
      { name: "app", keys: ["app:*"] },
      { name: "reader", keys: ["%R~app:*"], commands: ["+@read", "+ping"] },
    ],
    filters: [SEEN],
  };
  const network = { subnet: "10.183.0.0/24", first: "10.183.0.21", sentinel: "10.183.0.11" };
  stack = await TestStack.create(NAME, { network, redis: settings }, PROGRAM);
  await stack.up();
  passwords = await readPasswords();
  link = await linkTo({ sentinels: SENTINELS, endpoints: [], user: "app", password: passwords.app ?? "" });
});

afterAll(async () => {
  await link?.close();
  await stack?.remove();
});

async function readPasswords(): Promise<Record<string, string>> {
  return (await stack.secretOutputs<{ passwords: Record<string, string> }>()).passwords;
}

async function identities(): Promise<string[]> {
  return Object.entries(await containersOf(stack.label))
    .map(([node, { Id, State }]) => `${node} ${Id} ${State.StartedAt}`)
    .sort();
}

/** The shares of items that were never added, and of those that were, of which the filter says that it has them. */
async function sharesOf(filter: RedisBloomFilter, prefix: string, count: number): Promise<{ strange: number; known: number }> {
  const share = async (kind: string) => {
    let found = 0;
    for (let at = 0; at < count; at += 50) {
      const answers = await Promise.all(Array.from({ length: 50 }, (_, index) => filter.mayContain(`${prefix}-${kind}-${at + index}`)));
      found += answers.filter(Boolean).length;
    }
    return found / count;
  };
  return { strange: await share("strange"), known: await share("known") };
}

async function fill(filter: RedisBloomFilter, prefix: string, count: number): Promise<void> {
  for (let at = 0; at < count; at += 500) await filter.addAll(Array.from({ length: 500 }, (_, index) => `${prefix}-known-${at + index}`));
}

describe("a Redis cache", () => {
  it("forms with one primary, two replicas and three Sentinels, and with nothing to change", async () => {
    expect(await primariesOf(servers())).toEqual([stack.container("cache-1")]);
    expect(await operate(stack.container("cache-1"), "INFO", "replication")).toContain("connected_slaves:2");
    for (const n of [1, 2, 3]) {
      const said = await operate(stack.container(`cache-sentinel-${n}`), "-p", "26379", "SENTINEL", "CKQUORUM", "cache");
      expect(said).toContain("OK 3 usable Sentinels");
    }
    expect(await stack.preview()).toEqual([]);
    for (const [node, { Config, HostConfig }] of Object.entries(await containersOf(stack.label))) {
      expect.soft(Config.User, node).toBe("6379:6379");
      expect.soft(HostConfig, node).toMatchObject({ ReadonlyRootfs: true, CapDrop: ["ALL"], PidsLimit: 512 });
      const addresses = Object.values(HostConfig.PortBindings ?? {}).flatMap((bindings) => bindings.map(({ HostIp }) => HostIp));
      expect.soft(addresses, node).toEqual(node.includes("sentinel") ? [] : ["127.0.0.1"]);
    }
  });

  it("lets each user do what it may, and nobody be the default user", async () => {
    const as = (user: string, ...command: [string, ...string[]]) => answerTo(`127.0.0.1:${port}`, user, passwords[user] ?? "", ...command);
    expect(await as("app", "SET", "app:one", "1")).toBe('"OK"');
    expect(await as("reader", "GET", "app:one")).toBe('"1"');
    expect(await as("reader", "SET", "app:one", "2")).toContain("NOPERM");
    expect(await as("app", "SET", "other:one", "1")).toContain("NOPERM");
    for (const command of [["CONFIG", "GET", "*"], ["FLUSHALL"], ["KEYS", "*"], ["FUNCTION", "FLUSH"], ["ACL", "LIST"]])
      expect.soft(await as("app", ...(command as [string, ...string[]])), command.join(" ")).toContain("NOPERM");
    expect(await as("app", "FCALL", "bf_add", "1", "other:seen", "x")).toContain("NOPERM");
    expect(await answerTo(`127.0.0.1:${port}`, "app", "wrong", "PING")).toContain("WRONGPASS");
    expect(await answerTo(`127.0.0.1:${port}`, "default", "", "PING")).toMatch(/NOAUTH|WRONGPASS/);
    expect(await answerTo(SENTINELS[0] ?? "", "app", passwords.app ?? "", "SENTINEL", "FAILOVER", "cache")).toContain("NOPERM");
  });

  it("has its filters, with fewer false answers than were asked for and none that denies what is there", async () => {
    // Hundreds of questions at once may take longer than the link waits.
    const client = await loginAt(endpoint(1), "app", passwords.app ?? "");
    const filter = new RedisBloomFilter(client, SEEN.name);
    await fill(filter, "first", 20_000);
    const { strange, known } = await sharesOf(filter, "first", 20_000);
    expect(known).toBe(1);
    expect(strange).toBeLessThan(SEEN.errorRate);
    // It is a filter, and not one that says no to everything strange.
    expect(strange).toBeGreaterThan(0);
    // A replica answers as well, and a filter that is over-full keeps its promise.
    expect(await answerTo(endpoint(2), "app", passwords.app ?? "", "FCALL_RO", "bf_exists", "1", SEEN.name, "first-known-7")).toBe("1");
    await fill(filter, "second", 20_000);
    const grown = await sharesOf(filter, "second", 20_000);
    expect(grown.known).toBe(1);
    expect(grown.strange).toBeLessThan(SEEN.errorRate);
    client.disconnect();
  });

  it("answers as RedisBloom does", async () => {
    const said = (...command: [string, ...string[]]) => answerTo(endpoint(1), "app", passwords.app ?? "", ...command);
    expect(await said("FCALL", "bf_reserve", "1", SEEN.name, "0.1", "10")).toBe("ERR item exists");
    expect(await said("FCALL", "bf_reserve", "1", "app:x", "1", "10")).toBe("ERR (0 < error rate range < 1)");
    expect(await said("FCALL", "bf_reserve", "1", "app:x", "some", "10")).toBe("ERR bad error rate");
    expect(await said("FCALL", "bf_reserve", "1", "app:x", "0.1", "0")).toBe("ERR (capacity should be larger than 0)");
    expect(await said("FCALL", "bf_reserve", "1", "app:x", "0.1", "2", "NONSCALING")).toBe('"OK"');
    expect(await said("FCALL", "bf_madd", "1", "app:x", "a", "a", "b")).toBe("[1,0,1]");
    expect(await said("FCALL", "bf_add", "1", "app:x", "c")).toContain("non scaling filter is full");
    expect(await said("FCALL", "bf_add", "1", "app:x", "a")).toBe("0");
    expect(await said("FCALL_RO", "bf_exists", "1", "app:x", "b")).toBe("1");
    expect(await said("FCALL_RO", "bf_exists", "1", "app:nothing", "b")).toBe("0");
    expect(await said("FCALL", "bf_add", "1", "app:one", "b")).toContain("WRONGTYPE");
  });
});

describe("a Redis cache that changes", () => {
  it("changes users, a password, memory, policy, persistence and filters while it runs, and shows no secret", async () => {
    const before = await identities();
    const given = { app: "another-password-of-app" };
    const changed = {
      ...settings,
      given,
      memoryMiB: 112,
      maxmemoryPolicy: "noeviction",
      persistence: "snapshot",
      users: [
        { name: "app", keys: ["app:*"] },
        { name: "late", keys: ["late:*"] },
      ],
      filters: [SEEN, { name: "app:more", errorRate: 0.001, capacity: 100 }],
    };
    const seen = await processesDuring(() => stack.up({ redis: changed }));
    expect(await identities()).toEqual(before);
    expect(await answerTo(endpoint(1), "app", passwords.app ?? "", "PING")).toContain("WRONGPASS");
    expect(await answerTo(endpoint(1), "app", given.app, "FCALL", "bf_add", "1", "app:more", "x")).toBe("1");
    expect(await answerTo(endpoint(2), "reader", passwords.reader ?? "", "PING")).toContain("WRONGPASS");
    expect(await answerTo(SENTINELS[1] ?? "", "app", given.app, "PING")).toBe('"PONG"');
    for (const container of servers()) {
      const said = await operate(container, "CONFIG", "GET", "maxmemory", "maxmemory-policy", "appendonly", "save");
      expect(said).toContain(String(67 * 2 ** 20));
      expect(said).toContain("noeviction");
      expect(said).toContain("3600 1 300 100 60 10000");
      expect(await docker("exec", container, "ls", "/data")).not.toContain("appendonlydir");
    }
    const operator = await docker("exec", servers()[0] ?? "", "cat", `${FILES}/operator.password`);
    const state = await stack.storedState();
    const inspected = await docker("inspect", ...servers(), stack.container("cache-sentinel-1"));
    // What is given in the test's own configuration is in the environment of Pulumi's program, which gets all of it.
    const generated = { operator: operator.trim(), late: (await readPasswords()).late ?? "" };
    for (const [user, secret] of Object.entries({ ...generated, given: given.app })) {
      expect(secret.length).toBeGreaterThan(20);
      const places = { state, inspected, ...(user !== "given" && { processes: seen.join("\n") }) };
      for (const [place, text] of Object.entries(places)) expect.soft(text.includes(secret), `${user} in ${place}`).toBe(false);
    }
    // It would have seen them: what is no secret is found in each.
    expect(state).toContain("cache-settled");
    expect(inspected).toContain(`${FILES}/start`);
    expect(seen.join("\n")).toContain(`${FILES}/settle`);
    expect(await stack.preview()).toEqual([]);

    // A filter that is there cannot become another one.
    const other = { ...changed, filters: [{ ...SEEN, errorRate: 0.02 }] };
    expect(await stack.refusedUp({ redis: other })).toMatch(
      /app:seen is there with errorRate and capacity 0.01 20000, and cannot become 0.02 20000/,
    );

    const closed = new RedisBloomFilter(link, SEEN.name);
    await link.close();
    // It is closed, and says so at once.
    await expect(closed.mayContain("x")).rejects.toThrow("Redis is not available");
    settings = { ...settings, given };
    passwords = { app: given.app };
    link = await linkTo({ sentinels: SENTINELS, endpoints: [], user: "app", password: given.app });
    expect(await new RedisBloomFilter(link, SEEN.name).mayContain("first-known-3")).toBe(true);
  });

  // It goes back to an append-only file as well: each server reads the snapshot that it wrote, and goes on from there.
  it("rolls with the primary handing over, one at a time, and loses no confirmed write", async () => {
    port = await freePorts(10);
    settings = { ...settings, port };
    let events: string[] = [];
    const { confirmed, longestPause } = await writtenDuring(link, "app:roll", async () => {
      events = await eventsDuring(stack.label, () => stack.up({ redis: settings }));
    });
    expect(confirmed.length).toBeGreaterThan(500);
    expect(events.filter((event) => /^(die|start) cache-\d/.test(event))).toEqual(
      ["cache-1", "cache-2", "cache-3"].flatMap((node) => [`die ${node}`, `start ${node}`]),
    );
    expect(await missingKeys(link, confirmed)).toEqual([]);
    expect(longestPause).toBeLessThan(15_000);
    expect(await primariesOf(servers())).toHaveLength(1);
    for (const container of servers()) expect(await docker("exec", container, "ls", "/data")).toContain("appendonlydir");
    expect(await stack.preview()).toEqual([]);
    console.log(`roll: ${confirmed.length} confirmed writes, longest pause ${longestPause} ms`);
  });
});

describe("a Redis cache whose servers die", () => {
  it("has another primary within seconds, with every confirmed write, and takes the old one back as a replica", async () => {
    const [old = ""] = await primariesOf(servers());
    const { confirmed, longestPause } = await writtenDuring(link, "app:kill", async () => {
      await docker("kill", old);
      const asked = performance.now();
      await link.get("app:one").catch(() => undefined);
      expect(performance.now() - asked).toBeLessThan(200);
    });
    expect(longestPause).toBeLessThan(15_000);
    console.log(`killed: ${confirmed.length} confirmed writes, longest pause ${longestPause} ms`);

    await docker("start", old);
    await untilStanding(servers());
    expect(await primariesOf(servers())).not.toContain(old);
    expect(await missingKeys(link, confirmed)).toEqual([]);
  });

  it("does not take its replicas back to what it has itself where it is started again at once", async () => {
    const [old = ""] = await primariesOf(servers());
    const { confirmed } = await writtenDuring(link, "app:tail", () => Promise.resolve());
    // Before the Sentinels miss it.
    await loseTail(old);
    await docker("kill", old);
    await docker("start", old);
    await untilStanding(servers());
    expect(confirmed.length).toBeGreaterThan(0);
    expect(await missingKeys(link, confirmed)).toEqual([]);
    expect(await primariesOf(servers())).not.toContain(old);
  });

  it("keeps every confirmed write while each server and each Sentinel in turn is killed, and stands still for a while", async () => {
    const sentinels = [1, 2, 3].map((node) => stack.container(`cache-sentinel-${node}`));
    const { confirmed } = await writtenDuring(link, "app:each", async () => {
      for (const container of [...servers(), ...sentinels]) {
        await docker("kill", container);
        await docker("start", container);
        await untilStanding(servers());
        await pause(container);
        await delay(5_000);
        await docker("unpause", container);
        await untilStanding(servers());
      }
    });
    expect(confirmed.length).toBeGreaterThan(500);
    expect(await missingKeys(link, confirmed)).toEqual([]);
    expect(await primariesOf(servers())).toHaveLength(1);
  });

  it("replaces no server while another one is down", async () => {
    const third = stack.container("cache-3");
    await docker("kill", third);
    const moved = { ...settings, port: await freePorts(10) };
    expect(await stack.refusedUp({ redis: moved })).toMatch(/cache-1 cannot be spared now: .*cache-3/);
    await docker("start", third);
    await untilStanding(servers());
    await stack.configure({ redis: settings });
  });

  it("stops a roll at a server whose file is corrupt, says so, and deletes nothing", async () => {
    const [primary = ""] = await primariesOf(servers());
    // Not the one with which the roll begins: what does not run may be replaced, and its own gate would tell.
    const odd = servers().findLast((container) => container !== primary) ?? "";
    const { Mounts } = JSON.parse(await docker("inspect", "--format", "{{json .}}", odd)) as {
      Mounts: { Destination: string; Name: string }[];
    };
    const data = Mounts.find(({ Destination }) => Destination === "/data")?.Name ?? "";
    const image = await docker("inspect", "--format", "{{.Config.Image}}", odd);
    const onData = (...command: string[]) => docker("run", "--rm", "--volume", `${data}:/data`, "--user", "0", image, ...command);
    // A server that has just got all of its data writes its files anew, and would put sound ones in the place of those.
    await until("its files are written", async () =>
      /aof_rewrite_in_progress:0\s[^]*aof_rewrite_scheduled:0\s/.test(await operate(odd, "INFO", "persistence")),
    );
    await docker("stop", odd);
    await onData("sh", "-c", 'for file in /data/appendonlydir/*.base.rdb; do echo corrupt > "$file"; done');
    await docker("start", odd);
    await until("it does not start", async () => (await docker("logs", "--tail", "50", odd)).includes("Bad file format"));
    const moved = { ...settings, port: await freePorts(10) };
    const name = odd.slice(stack.label.length + 1);
    expect(await stack.refusedUp({ redis: moved })).toMatch(new RegExp(`cannot be spared now: .*${name}`));
    expect(await primariesOf(servers().filter((container) => container !== odd))).toEqual([primary]);
    // Its data is a copy: somebody who has looked at it has it made anew.
    await docker("stop", odd);
    await onData("rm", "-r", "/data/appendonlydir");
    await docker("start", odd);
    await untilStanding(servers());
    await stack.configure({ redis: settings });
    expect(await stack.preview()).toEqual([]);
  });

  it("comes back with its data and filters after npm run down", async () => {
    await link.call("SET", "app:kept", "yes");
    const dockyard = join(import.meta.dirname, "..", "..", "..", "scripts", "dockyard.mjs");
    await execa(process.execPath, [dockyard, "down", "--cwd", stack.folder, "--stack", NAME, "--non-interactive"], { stdin: "ignore" });
    expect(await containersOf(stack.label)).toEqual({});
    await stack.up();
    await untilStanding(servers());
    await link.close();
    link = await linkTo({ sentinels: SENTINELS, endpoints: [], user: "app", password: passwords.app ?? "" });
    expect(await link.get("app:kept")).toBe("yes");
    const filter = new RedisBloomFilter(link, SEEN.name);
    expect((await sharesOf(filter, "first", 2000)).known).toBe(1);
  });
});
