import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import type { Connection, RowDataPacket } from "mysql2/promise";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GOODS, MYSQL, damage, everything, fill, keysOf, rowsOf, type Passwords, type Systems } from "../support/backed-up";
import { S3Server, TargetDisk, lastRun, setsIn } from "../support/backup";
import { npmRun, npmStart } from "../support/commands";
import { containersOf, docker } from "../support/engine";
import { until } from "../support/load";
import { asRoot, connectTo } from "../support/mysql";
import { TestStack, freePorts } from "../support/test-stack";

const PROGRAM = "test/stack/programs/backup/program.cjs";
const GATEWAY = "10.148.0.1";
const KEYS = { accessKey: "dockyard", secretKey: "0123456789abcdef0123456789abcdef" };

const hostsIn = (net: string) => ({
  discovery: `${net}.11`,
  mysql: `${net}.21`,
  cache: `${net}.31`,
  "cache-sentinel": `${net}.35`,
  queue: `${net}.41`,
  search: `${net}.51`,
  backup: `${net}.61`,
});
const [OTHER_CONSUL, OTHER_MYSQL] = ["http://10.149.0.11:8500", "10.149.0.21"];

let disk: TargetDisk;
let stack: TestStack;
let other: TestStack;
let passwords: Passwords;
let bucket: S3Server | undefined;
let mysql: Connection;
let systems: Systems;
/** The set of what {@link fill} made. */
let first: string;
/** The set of what the first restore replaced. */
let safety: string;

beforeAll(async () => {
  disk = await TargetDisk.create(48, "1000:1000");
  const port = await freePorts(20);
  const target = { type: "folder", path: disk.folder };
  stack = await TestStack.create(
    "test-backup",
    { network: { subnet: "10.148.0.0/24", hosts: hostsIn("10.148.0") }, systems: { all: true, port }, backup: { keep: 20, target } },
    PROGRAM,
  );
  other = await TestStack.create(
    "test-backup-other",
    {
      network: { subnet: "10.149.0.0/24", hosts: hostsIn("10.149.0") },
      systems: { all: false, port: port + 10 },
      backup: { schedule: "* * * * *", keep: 1, target },
    },
    PROGRAM,
  );
  await Promise.all([stack.up(), other.up()]);
  ({ passwords } = await stack.secretOutputs<{ passwords: Passwords }>());
  mysql = await connectTo({ nodes: [MYSQL], user: "app", password: passwords.mysql, database: "shop" }, MYSQL);
  systems = { stack, mysql, passwords };
  await fill(systems);
});

afterAll(async () => {
  mysql?.destroy();
  await stack?.remove();
  await other?.remove();
  await bucket?.remove();
  await disk?.remove();
});

/** A command that ended with these words, and not well. */
function failed(words: RegExp) {
  return { code: 1, all: expect.stringMatching(words) as string };
}

/** Takes a set and returns its id. */
async function take(): Promise<string> {
  const { code, all } = await npmRun(stack, "backup");
  expect(code, all).toBe(0);
  return /^\d{8}T\d{6}Z-[0-9a-f]{4}/m.exec(all)?.[0] ?? all;
}

describe("a set of a stack's data", () => {
  let whole: Record<string, unknown>;

  it("is taken of all systems, and brings them back after a damage; what runs keeps what is its own", async () => {
    whole = await everything(systems);
    expect(whole).toMatchObject({ rows: { count: GOODS }, redis: { word: "kept" }, queues: ["orders quorum"], articles: "kept" });
    first = await take();
    expect(await setsIn(disk.folder)).toContain(first);
    const manifest = JSON.parse(await readFile(join(disk.folder, first, "manifest.json"), "utf8")) as { parts: { system: string }[] };
    expect(manifest.parts.map(({ system }) => system)).toEqual(["mysql", "redis", "consul", "rabbitmq", "elasticsearch"]);
    const status = await npmRun(stack, "status", "--once");
    expect(status.code, status.all).toBe(0);
    expect(status.stdout).toContain(`backup: The last set is ${first}, `);
    expect(status.stdout).toContain(` of 1 in ${disk.folder}. `);

    await damage(systems);
    expect(await everything(systems)).not.toMatchObject({ rows: whole.rows, articles: "kept" });
    const damaged = await everything(systems);
    const asked = await npmRun(stack, "restore", first);
    expect(asked.code).toBe(3);
    expect(asked.all).toMatch(/replaced: shop.*\n[^]*nothing was changed; --yes does it/);
    expect(await everything(systems)).toEqual(damaged);

    const { code, all } = await npmRun(stack, "restore", first, "--yes");
    expect(code, all).toBe(0);
    safety = /what was there before is the set (\S+)/.exec(all)?.[1] ?? all;
    expect(await everything(systems)).toEqual({
      ...whole,
      keys: { "settings/colour": "green", "upstreams/goods/10.0.0.1:80": "{}", "upstreams/goods/10.0.0.2:80": "{}" },
      redis: { ...(whole.redis as object), keys: ["brief", "list", "word"] },
      left: "after",
    });
    expect((await mysql.query<RowDataPacket[][]>("CALL counted()"))[0]?.[0]?.[0]).toEqual({ "COUNT(*)": GOODS });
    await mysql.query("INSERT INTO goods VALUES (100000, 'LOUD', '')");
    expect((await mysql.query<RowDataPacket[]>("SELECT name FROM goods WHERE id = 100000"))[0]).toEqual([{ name: "loud" }]);
    await mysql.query("DELETE FROM goods WHERE id = 100000");
    // The replica came to the same.
    const replica = await connectTo({ nodes: [], user: "app", password: passwords.mysql, database: "shop" }, "10.148.0.22");
    await until("the replica has it", async () => JSON.stringify(await rowsOf(replica)) === JSON.stringify(whole.rows));
    replica.destroy();
  });

  it("is taken of what a restore replaces, so that it can be taken back", async () => {
    expect((await npmRun(stack, "backup", "--list")).all).toMatch(new RegExp(`${safety}.*before a restore`));
    const back = await npmRun(stack, "restore", safety, "--only", "mysql", "--without-safety-set", "--yes");
    expect(back.code, back.all).toBe(0);
    expect(await rowsOf(mysql)).toMatchObject({ count: 200, tables: ["goods", "later"] });
    expect((await npmRun(stack, "restore", first, "--only", "mysql", "--without-safety-set", "--yes")).code).toBe(0);
    expect(await rowsOf(mysql)).toEqual(whole.rows);
  });

  it("takes rows on to a moment between two statements", async () => {
    await mysql.query("INSERT INTO goods VALUES (1000, 'wanted', 'x')");
    const [[now]] = await mysql.query<RowDataPacket[]>("SELECT DATE_FORMAT(UTC_TIMESTAMP(6), '%Y-%m-%dT%H:%i:%s.%fZ') AS moment");
    const moment = String(now?.moment);
    await mysql.query("DROP TABLE goods");
    const set = await npmRun(stack, "restore", first, "--until", moment, "--only", "mysql", "--without-safety-set", "--yes");
    expect(set.code, set.all).toBe(0);
    const [named] = await mysql.query<RowDataPacket[]>("SELECT name FROM goods WHERE id >= 1000");
    expect(named).toEqual([{ name: "wanted" }]);
    expect(await rowsOf(mysql)).toMatchObject({ count: GOODS + 1 });
    const later = await npmRun(stack, "restore", first, "--until", "2999-01-01T00:00:00Z", "--yes");
    expect(later).toMatchObject(failed(/nothing was changed: --until: .* is yet to come/));
    await mysql.query("DELETE FROM goods WHERE id = 1000");
    expect(await rowsOf(mysql)).toEqual(whole.rows);
  });

  it("is brought back into another stack, whose passwords stay its own", async () => {
    const { passwords: own } = await other.secretOutputs<{ passwords: Passwords }>();
    const login = { nodes: [OTHER_MYSQL], user: "app", database: "shop" };
    const too = await npmRun(other, "restore", first, "--yes");
    expect(too).toMatchObject(failed(/nothing was changed: .*no redis.*--only/));
    const { code, all } = await npmRun(other, "restore", first, "--only", "mysql,consul", "--yes");
    expect(code, all).toBe(0);
    const connection = await connectTo({ ...login, password: own.mysql }, OTHER_MYSQL);
    expect(await rowsOf(connection)).toEqual(whole.rows);
    connection.destroy();
    expect(await keysOf(OTHER_CONSUL)).toEqual({ "settings/colour": "green" });
    expect(own.mysql).not.toBe(passwords.mysql);
    await expect(connectTo({ ...login, password: passwords.mysql }, OTHER_MYSQL)).rejects.toThrow(/Access denied/);
  });
});

/** When a set was begun, in ms since 1970. */
function momentOf(id: string): number {
  const [, year, month, day, hour, minute, second] = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z/.exec(id) ?? [];
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
}

describe("sets by a schedule", () => {
  it("are taken by themselves, and no more are kept than are to be", async () => {
    const { StartedAt } = (await containersOf(other.label))["backup-1"]?.State ?? { StartedAt: "" };
    // One of the other stack's may not have been due yet.
    await until(
      "a set is taken by itself",
      async () => {
        const { set, failure } = await lastRun(other);
        // The next try would be ten minutes later.
        if (failure) throw new Error(failure.error);
        return set;
      },
      90_000,
    );
    const mark = (await lastRun(other)).set?.id.slice(-5) ?? "";
    // One is due each minute: the first is gone when the only one is younger than the first minute.
    await until(
      "the first was taken and is let go",
      async () => {
        const moments = (await setsIn(disk.folder)).filter((id) => id.endsWith(mark)).map(momentOf);
        return moments.length === 1 && (moments[0] ?? 0) > Date.parse(StartedAt) + 60_000;
      },
      150_000,
    );
    const { all } = await npmRun(other, "backup", "--list");
    expect(all.match(/ scheduled /g)).toHaveLength(1);
    expect(await setsIn(disk.folder)).toContain(first);
  });
});

describe("what goes wrong", () => {
  let before: Record<string, unknown>;

  it("is a damaged set, or one of another version: it is refused, and nothing is changed", async () => {
    await docker("stop", other.container("backup-1"));
    before = await everything(systems);
    const broken = "20200101T000000Z-0000";
    const file = join(disk.folder, broken, "consul.snap");
    const manifest = join(disk.folder, broken, "manifest.json");
    const refused = async (words: RegExp) => {
      for (const [name, ...args] of [["restore", broken, "--yes"] as const, ["backup", "--verify", broken] as const])
        expect(await npmRun(stack, name, ...args)).toMatchObject(failed(words));
    };
    await execa("cp", ["--archive", join(disk.folder, first), join(disk.folder, broken)]);
    await refused(/is damaged: its manifest is not as it was written/);
    await writeFile(manifest, (await readFile(manifest, "utf8")).replace('"format": 1', '"format": 0'));
    await refused(/has the format 0 of an older Dockyard, and this one reads 1: restore it with the Dockyard that wrote it/);
    await rm(join(disk.folder, broken), { recursive: true });
    await refused(/there is no set 20200101T000000Z-0000/);

    const bytes = await readFile(join(disk.folder, first, "consul.snap"));
    const spoilt = Buffer.from(bytes);
    spoilt.writeUInt8(spoilt.readUInt8(bytes.length >> 1) ^ 1, bytes.length >> 1);
    await writeFile(file.replace(broken, first), spoilt);
    const damaged = await npmRun(stack, "restore", first, "--yes");
    expect(damaged).toMatchObject(failed(/nothing was changed: .*is damaged: .*consul\.snap has/));
    await writeFile(file.replace(broken, first), bytes);
    expect((await npmRun(stack, "backup", "--verify", first)).code).toBe(0);
    expect(await everything(systems)).toEqual(before);
  });

  it("is a target that is full or read-only: no set is taken or lost, nothing is replaced, and it goes on when there is room", async () => {
    const sets = await setsIn(disk.folder);
    // Enough to begin with.
    await disk.fill(64 * 1024);
    const full = await npmRun(stack, "backup");
    expect(full).toMatchObject(failed(/no set was taken[^]*no space left on device/i));
    expect((await lastRun(stack)).failure?.error).toMatch(/no space left on device/);
    const replaced = await npmRun(stack, "restore", first, "--yes");
    expect(replaced).toMatchObject(failed(/nothing was changed: [^]*no space left/i));
    await disk.free();
    await disk.writable(false);
    const locked = await npmRun(stack, "backup");
    expect(locked).toMatchObject(failed(/no set was taken[^]*read-only file system/i));
    expect(await npmRun(stack, "restore", first, "--yes")).toMatchObject(
      failed(/nothing was changed: [^]*read-only[^]*--without-safety-set goes on all the same/i),
    );
    // What such a target has can be brought back all the same.
    await mysql.query("UPDATE goods SET name = 'spoilt'");
    const back = await npmRun(stack, "restore", first, "--only", "mysql", "--without-safety-set", "--yes");
    expect(back.code, back.all).toBe(0);
    expect(back.all).toMatch(/takes no note of this restore .*read-only/i);
    expect(await everything(systems)).toEqual(before);
    await disk.writable(true);
    expect(await setsIn(disk.folder)).toEqual(sets);
    expect(await everything(systems)).toEqual(before);
    const next = await take();
    expect(await setsIn(disk.folder)).toEqual([...sets, next]);
    expect((await lastRun(stack)).failure).toBeNull();
  });

  it("is a restore that is cut: no set is taken of what it has left, and the same command finishes it", async () => {
    await damage(systems);
    // The restore waits for this reader, in the middle of what it does.
    const reader = await connectTo({ nodes: [MYSQL], user: "app", password: passwords.mysql, database: "shop" }, MYSQL);
    await reader.query("START TRANSACTION");
    await reader.query("SELECT * FROM goods LIMIT 1");
    const cut = npmStart(stack, "restore", first, "--yes");
    const waiting = "SELECT COUNT(*) FROM performance_schema.processlist WHERE state LIKE 'Waiting for%metadata lock'";
    await until("rows are being replaced", async () => (await asRoot(stack.container("mysql-1"), waiting)) !== "0");
    expect((await lastRun(stack)).unfinishedRestore?.id).toBe(first);
    cut.interrupt();
    expect(await cut.ended).toMatchObject(failed(/goes on in .*backup-1 to its end.*npm run status/));
    expect((await lastRun(stack)).unfinishedRestore?.id).toBe(first);
    await docker("kill", stack.container("backup-1"));
    reader.destroy();
    await docker("start", stack.container("backup-1"));
    const refused = await npmRun(stack, "backup");
    expect(refused).toMatchObject({
      code: 1,
      all: expect.stringMatching(
        new RegExp(`no set is taken of what a restore has left halfway: .npm run restore -- ${first} --yes. finishes it`),
      ) as string,
    });
    const { code, all } = await npmRun(stack, "restore", first, "--yes");
    expect(code, all).toBe(0);
    expect(all).toMatch(/was cut and is taken up/);
    expect(await everything(systems)).toMatchObject({ rows: before.rows, articles: "kept", queues: ["orders quorum"] });
    expect((await lastRun(stack)).unfinishedRestore).toBeNull();
  });
});

describe("a bucket", () => {
  it("holds sets as a folder does, and says what is wrong with it", async () => {
    const address = `${GATEWAY}:${await freePorts(1)}`;
    bucket = await S3Server.start(address, "backups", KEYS.accessKey, KEYS.secretKey);
    const target = { type: "bucket", endpoint: `http://${address}`, bucket: "backups", prefix: "of/shop", ...KEYS };
    await stack.up({ backup: { keep: 2, target } });
    expect(await stack.preview()).toEqual([]);
    const [a, b] = [await take(), await take()];

    // It is brought back with other passwords than those that it was taken with.
    const rotated = ["mysql-app-password", "mysql-backup-password", "cache-backup-password", "queue-backup-password"];
    await stack.up({ rotations: Object.fromEntries(rotated.map((name) => [name, 1])) });
    const { passwords: today } = await stack.secretOutputs<{ passwords: Passwords }>();
    await damage(systems);
    const { code, all } = await npmRun(stack, "restore", "latest", "--yes");
    expect(code, all).toBe(0);
    expect(all).toContain(`the set ${b}`);
    const login = { nodes: [MYSQL], user: "app", database: "shop" };
    (await connectTo({ ...login, password: today.mysql }, MYSQL)).destroy();
    await expect(connectTo({ ...login, password: passwords.mysql }, MYSQL)).rejects.toThrow(/Access denied/);
    expect(await everything(systems)).toMatchObject({ rows: { count: GOODS }, articles: "kept", redis: { word: "kept" } });
    await take();
    const { all: listed } = await npmRun(stack, "backup", "--list");
    expect(listed).toContain(b);
    expect(listed).not.toContain(a);
    await rm(join(bucket.folder, "backups", "of", "shop", b, "redis.keys.gz"));
    expect(await npmRun(stack, "restore", b, "--yes")).toMatchObject(
      failed(/nothing was changed: the set .* is damaged: .*redis\.keys\.gz: is not there/),
    );
    await bucket.remove();
    bucket = undefined;
    expect(await npmRun(stack, "backup")).toMatchObject(failed(/no set was taken[^]*s3:\/\/backups\/of\/shop at .*connection refused/));
  });
});
