import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { containersOf, dataVolumesOf, docker, eventsDuring, pause } from "../support/engine";
import { get, until } from "../support/load";
import { loseData } from "../support/lost-data";
import { MysqlLogin, RoleClient, asRoot, connectTo, missingRows, nodeStatus, refusalOf, writeLoad } from "../support/mysql";
import { SmallDisk } from "../support/small-disk";
import { TestStack } from "../support/test-stack";

const NAME = "test-mysql";
const PROGRAM = "test/stack/programs/mysql-replica-set/program.cjs";
const PROJECT_ROOT = join(import.meta.dirname, "..", "..", "..");
const GOODS = { name: "goods", grants: [{ privileges: ["SELECT", "INSERT", "CREATE"], database: "shop" }] };

let stack: TestStack;
let settings: Record<string, unknown>;
let nodes: string[];
let login: MysqlLogin;

const container = (node: number) => stack.container(`mysql-${node}`);
const mysql = (changes: Record<string, unknown>) => ({ mysql: { ...settings, ...changes } });
const address = (node: number) => nodes[node - 1] ?? "";

beforeAll(async () => {
  settings = { port: null, memoryMiB: 640, databases: ["shop"], users: [GOODS] };
  stack = await TestStack.create(NAME, { network: { subnet: "10.182.0.0/24", first: "10.182.0.21" }, ...mysql({}) }, PROGRAM);
  await stack.up();
  ({ nodes } = await stack.outputs<{ nodes: string[] }>());
  login = { nodes, user: "goods", password: (await passwords()).goods ?? "", database: "shop" };
});

afterAll(async () => {
  await stack.remove();
});

async function passwords(): Promise<Record<string, string>> {
  return (await stack.secretOutputs<{ passwords: Record<string, string> }>()).passwords;
}

function npm(...args: string[]) {
  const options = { all: true, stdin: "ignore", reject: false } as const;
  return execa(process.execPath, [join(PROJECT_ROOT, "scripts", "dockyard.mjs"), ...args, "--cwd", stack.folder, "--stack", NAME], options);
}

async function roles(): Promise<string[]> {
  return Promise.all(nodes.map(async (node) => (await nodeStatus(node)).role));
}

async function leader(): Promise<number> {
  return (await roles()).indexOf("source") + 1;
}

/** Whether a node tells a balancer at once that reads go elsewhere. */
async function leadsReadsElsewhere(node: number): Promise<boolean> {
  const began = performance.now();
  const { status } = await get(`http://${address(node)}:3300/replica`, { timeoutMs: 5_000 });
  const ms = performance.now() - began;
  return (status === 503 && ms < 300) || Promise.reject(new Error(`${status} after ${ms} ms`));
}

/** What a roll asks before it goes on to the next node. */
async function isWhole(node: number): Promise<boolean> {
  const { exitCode } = await execa("docker", ["exec", container(node), "mysql-keeper", "whole", "--made", "mysql-1,mysql-2,mysql-3"], {
    reject: false,
  });
  return exitCode === 0;
}

describe("a MySQL replica set", () => {
  it("forms with one source that two replicas follow by GTID, hardened, and with nothing to change", async () => {
    expect(await roles()).toEqual(["source", "replica", "replica"]);
    expect(await asRoot(container(1), "SELECT @@gtid_mode, @@binlog_format, @@rpl_semi_sync_source_enabled, @@super_read_only")).toBe(
      "ON\tROW\t1\t0",
    );
    expect(await asRoot(container(2), "SELECT @@server_id, @@super_read_only, @@rpl_semi_sync_source_enabled")).toBe("2\t1\t0");
    for (const [node, { Config, HostConfig }] of Object.entries(await containersOf(stack.label))) {
      expect.soft(Config.User, node).toBe("999:999");
      expect.soft(HostConfig, node).toMatchObject({ ReadonlyRootfs: true, CapDrop: ["ALL"], PidsLimit: 512 });
    }
    expect(await stack.preview()).toEqual([]);
  });

  it("gives users what they were granted and no more, root its socket alone, and replication TLS alone", async () => {
    const [source, replica] = [await connectTo(login, address(1)), await connectTo(login, address(2))];
    try {
      expect(await refusalOf(source, "CREATE TABLE things (id INT PRIMARY KEY)")).toBeUndefined();
      expect(await refusalOf(source, "DROP TABLE things")).toBe("ER_TABLEACCESS_DENIED_ERROR");
      expect(await refusalOf(source, "SELECT user FROM mysql.user")).toBe("ER_TABLEACCESS_DENIED_ERROR");
      expect(await refusalOf(source, "SET GLOBAL super_read_only = OFF")).toBe("ER_SPECIFIC_ACCESS_DENIED_ERROR");
      expect(await refusalOf(replica, "INSERT INTO things VALUES (1)")).toBe("ER_OPTION_PREVENTS_STATEMENT");
    } finally {
      source.destroy();
      replica.destroy();
    }
    await expect(connectTo({ ...login, user: "root", password: "" }, address(1))).rejects.toThrow(/Access denied|not allowed/);
    expect(await asRoot(container(1), "SELECT user, host, ssl_type FROM mysql.user WHERE user IN ('root', 'repl', '')")).toBe(
      "repl\t%\tANY\nroot\tlocalhost\t",
    );
  });

  it("shows no password in containers nor in its state", async () => {
    const inspected = await docker("inspect", ...[1, 2, 3].map(container));
    const state = await stack.storedState();
    for (const password of Object.values(await passwords())) {
      expect(password).toHaveLength(32);
      expect(inspected).not.toContain(password);
      expect(state).not.toContain(password);
    }
  });

  it("has no commit told to be done that no replica has", async () => {
    const client = new RoleClient(login, "source");
    await client.query("INSERT INTO things VALUES (2)");
    await pause(container(2), container(3));
    let done = false;
    const waiting = client.query("INSERT INTO things VALUES (3)").then(() => (done = true));
    try {
      // The wait is what is seen, so this is no time for a condition to come true.
      await until("it waits for an acknowledgement", async () => (await asRoot(container(1), "SHOW PROCESSLIST")).includes("ACK"));
      expect(done).toBe(false);
    } finally {
      await docker("unpause", container(2), container(3));
    }
    await waiting;
    client.close();
    await until("both follow", async () => (await roles()).join() === "source,replica,replica");
  });

  it("changes users and databases while it runs", async () => {
    const users = [
      { ...GOODS, grants: [{ privileges: ["SELECT"], database: "shop" }] },
      { name: "report", requireTls: true },
    ];
    const events = await eventsDuring(stack.label, () => stack.up(mysql({ users, databases: ["shop", "archive"] })));
    expect(events).toEqual([]);
    const source = await connectTo(login, address(1));
    expect(await refusalOf(source, "INSERT INTO things VALUES (4)")).toBe("ER_TABLEACCESS_DENIED_ERROR");
    source.destroy();
    const report = { ...login, user: "report", password: (await passwords()).report ?? "", database: undefined };
    (await connectTo(report, address(1))).destroy();
    await expect(connectTo(report, address(1), false)).rejects.toThrow();
    await stack.up(mysql({}));
    await expect(connectTo(report, address(1))).rejects.toThrow(/Access denied/);
    // A database is never dropped.
    expect(await asRoot(container(1), "SHOW DATABASES LIKE 'archive'")).toBe("archive");
  });

  it("takes writes while each replica in turn is killed, and stands still for a while", async () => {
    const source = await leader();
    const steps: string[] = [];
    const step = (what: string, node: number) => steps.push(`${what} ${node} at ${new Date().toISOString()}`);
    const { written, failedReads, longestPauseMs, longestPause } = await writeLoad(login, 100, async () => {
      for (const node of [1, 2, 3].filter((each) => each !== source)) {
        step("killed", node);
        await docker("kill", container(node));
        await docker("start", container(node));
        await until("it follows", async () => (await nodeStatus(address(node)).catch(() => undefined))?.role === "replica", 60_000);
        step("paused", node);
        await pause(container(node));
        await until("the source does not wait for it", () => leadsReadsElsewhere(source), 10_000);
        await delay(3_000);
        step("goes on", node);
        await docker("unpause", container(node));
        await until("it has what it missed", () => isWhole(node), 60_000);
      }
    });
    expect(await missingRows(login, written)).toEqual([]);
    expect(failedReads).toEqual([]);
    // The other one acknowledges.
    expect(longestPauseMs, [longestPause, ...steps].join("\n")).toBeLessThan(2_000);
    expect(await leader()).toBe(source);
  });

  it("takes a replica for whole when it has received what its source has, however little it is behind with that", async () => {
    const source = await leader();
    const late = source === 3 ? 2 : 3;
    const client = new RoleClient(login, "source");
    await pause(container(late));
    try {
      const end = performance.now() + 3_000;
      for (let id = Date.now(); performance.now() < end; id++) await client.query("INSERT INTO rows_written VALUES (?)", [id]);
    } finally {
      await docker("unpause", container(late));
      client.close();
    }
    const { executed } = await nodeStatus(address(source));
    await until("it is whole", () => isWhole(late), 60_000);
    const { received } = await nodeStatus(address(late));
    expect(await asRoot(container(source), `SELECT GTID_SUBTRACT('${executed}', '${received}')`)).toBe("");
  });

  it("refuses to be rolled while a replica is away, naming it", async () => {
    const away = (await leader()) === 3 ? 2 : 3;
    await docker("stop", "--time", "5", container(away));
    const refused = await stack.refusedUp(mysql({ settings: { long_query_time: 3 } }));
    expect(refused).toContain(`mysql-${away} does not answer; bring it back first`);
    await docker("start", container(away));
    await until("it follows again", async () => (await roles()).filter((role) => role === "replica").length === 2, 90_000);
    await stack.up(mysql({}));
  });

  it("stops a roll at a replica that has diverged, and has it rejoin after what it had was set aside", async () => {
    const source = await leader();
    const odd = source === 3 ? 2 : 3;
    await asRoot(container(odd), "SET GLOBAL super_read_only = OFF; INSERT INTO shop.things VALUES (99); SET GLOBAL super_read_only = ON");
    await docker("restart", "--time", "20", container(odd));
    await until("it tells of it", async () => (await nodeStatus(address(odd))).role === "diverged", 90_000);
    const refused = await stack.refusedUp(mysql({ settings: { long_query_time: 4 } }));
    expect(refused).toMatch(/bring (them|it) back first/);
    const shown = await npm("rejoin", "mysql", String(odd));
    expect(shown.exitCode, shown.all).toBe(0);
    expect(shown.all).toContain("@1=99");
    expect((await nodeStatus(address(odd))).role).toBe("diverged");
    const discarded = await npm("rejoin", "mysql", String(odd), "--discard");
    expect(discarded.exitCode, discarded.all).toBe(0);
    await until("it follows", async () => (await nodeStatus(address(odd))).role === "replica", 60_000);
    expect(await asRoot(container(odd), "SELECT COUNT(*) FROM shop.things WHERE id = 99")).toBe("0");
    expect(await docker("exec", container(odd), "sh", "-c", "grep -l '@1=99' /var/lib/mysql/set-aside/*.sql")).toContain(".sql");
    await stack.up(mysql({}));
  });

  it("copies its data to a replica that has lost its own", async () => {
    const source = await leader();
    const emptied = source === 3 ? 2 : 3;
    await docker("rm", "--force", container(emptied));
    const volume = stack.container(`mysql-${emptied}-data`);
    await docker("volume", "rm", volume);
    expect((await npm("up", "--non-interactive")).all).toContain(`The data volume ${volume} is gone: DATA LOSS`);
    const up = await npm("up", "--non-interactive", "--accept-loss", volume);
    expect(up.exitCode, up.all).toBe(0);
    await until("it follows", async () => (await nodeStatus(address(emptied))).role === "replica", 60_000);
    expect(await asRoot(container(emptied), "SELECT COUNT(*) FROM shop.rows_written")).toBe(
      await asRoot(container(source), "SELECT COUNT(*) FROM shop.rows_written"),
    );
  });

  it("begins no second set where the first node comes back alone and has lost its data, and copies it when the others are there", async () => {
    if ((await leader()) === 1) {
      const promoted = await npm("promote", "mysql", "2");
      expect(promoted.exitCode, promoted.all).toBe(0);
    }
    const rows = () => asRoot(container(1), "SELECT COUNT(*) FROM shop.rows_written");
    const before = await rows();
    await docker("stop", "--time", "20", ...[1, 2, 3].map(container));
    await loseData(stack, "mysql-1");
    await docker("start", container(1));
    await until("it says why it waits", async () => (await nodeStatus(address(1))).error?.includes("bring the others back first"));
    expect(await nodeStatus(address(1))).toMatchObject({ role: "waiting", epoch: 0, executed: "" });
    await docker("start", container(2), container(3));
    await until("both follow", async () => (await roles()).filter((role) => role === "replica").length === 2, 90_000);
    expect(await leader()).not.toBe(1);
    expect(await rows()).toBe(before);
  });

  it("grows by a replica that copies its data, stops a roll while that one's disk is full, and shrinks again", async () => {
    const disk = await SmallDisk.create(stack.container("mysql-4-data"), 900, "999:999");
    try {
      await stack.up(mysql({ replicas: 3 }));
      const fourth = "10.182.0.24";
      expect(await nodeStatus(fourth)).toMatchObject({ role: "replica" });
      expect(await asRoot(container(4), "SELECT COUNT(*) FROM shop.rows_written")).toBe(
        await asRoot(container(await leader()), "SELECT COUNT(*) FROM shop.rows_written"),
      );
      const free = "$(($(df --output=avail -m /var/lib/mysql | tail -n 1) - 50))";
      await docker("exec", container(4), "sh", "-c", `fallocate -l ${free}M /var/lib/mysql/filler`);
      const refused = await stack.refusedUp(mysql({ replicas: 3, settings: { long_query_time: 6 } }));
      expect(refused).toMatch(/cannot be spared now: .*mysql-4.*its disk is full: \d+ MiB are left/s);
      await docker("exec", container(4), "rm", "/var/lib/mysql/filler");
      await stack.up(mysql({ replicas: 2 }));
      expect((await roles()).sort()).toEqual(["replica", "replica", "source"]);
      expect(await docker("volume", "ls", "--quiet", "--filter", `name=${disk.volume}`)).toBe(disk.volume);
      expect(await stack.preview()).toEqual([]);
    } finally {
      await docker("rm", "--force", container(4));
      await disk.remove();
    }
  });

  it("keeps who leads, every row and every volume over a promotion, a plain destroy and an up", async () => {
    const next = (await leader()) === 2 ? 3 : 2;
    const promoted = await npm("promote", "mysql", String(next));
    expect(promoted.exitCode, promoted.all).toBe(0);
    await until("both follow", async () => (await roles()).filter((role) => role === "replica").length === 2);
    expect(await stack.preview()).toEqual([]);
    const before = await asRoot(container(next), "SELECT COUNT(*) FROM shop.rows_written");
    const volumes = await dataVolumesOf(stack.label);
    expect(Object.keys(volumes)).toEqual(expect.arrayContaining([1, 2, 3].map((node) => stack.container(`mysql-${node}-data`))));
    await stack.destroy();
    expect(Object.keys(await containersOf(stack.label))).toEqual([]);
    await stack.up();
    expect(await dataVolumesOf(stack.label)).toEqual(volumes);
    await until("all are there", async () => (await roles()).filter((role) => role === "replica").length === 2);
    expect(await leader()).toBe(next);
    expect(await asRoot(container(next), "SELECT COUNT(*) FROM shop.rows_written")).toBe(before);
    // Passwords were generated anew, and hold.
    const again = { ...login, password: (await passwords()).goods ?? "" };
    (await connectTo(again, address(next))).destroy();
    expect(await stack.preview()).toEqual([]);
  });
});
