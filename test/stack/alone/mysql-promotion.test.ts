import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { docker } from "../support/engine";
import { until } from "../support/load";
import { MysqlLogin, WriteLoad, missingRows, nodeStatus, writeLoad } from "../support/mysql";
import { TestStack } from "../support/test-stack";

const NAME = "test-promotion";
const PROGRAM = "test/stack/programs/mysql-replica-set/program.cjs";
const PROJECT_ROOT = join(import.meta.dirname, "..", "..", "..");
const RATE = 200;
const GOODS = { name: "goods", grants: [{ privileges: ["SELECT", "INSERT", "CREATE"], database: "shop" }] };

let stack: TestStack;
let login: MysqlLogin;
const settings = { port: null, memoryMiB: 640, databases: ["shop"], users: [GOODS] };

const container = (node: number) => stack.container(`mysql-${node}`);
const address = (node: number) => login.nodes[node - 1] ?? "";

beforeAll(async () => {
  stack = await TestStack.create(NAME, { network: { subnet: "10.186.0.0/24", first: "10.186.0.21" }, mysql: settings }, PROGRAM);
  await stack.up();
  const { nodes, passwords } = await stack.secretOutputs<{ nodes: string[]; passwords: { goods: string } }>();
  login = { nodes, user: "goods", password: passwords.goods, database: "shop" };
});

afterAll(async () => {
  await stack.remove();
});

async function promote(...args: string[]): Promise<string> {
  const command = [join(PROJECT_ROOT, "scripts", "dockyard.mjs"), "promote", "mysql", ...args, "--cwd", stack.folder, "--stack", NAME];
  const { exitCode, all } = await execa(process.execPath, command, { all: true, stdin: "ignore", reject: false });
  expect(exitCode, all).toBe(0);
  return all;
}

async function leader(): Promise<number> {
  const found = await Promise.all(login.nodes.map((node) => nodeStatus(node).catch(() => undefined)));
  return found.findIndex((status) => status?.role === "source") + 1;
}

/** Whether two nodes follow the third. */
async function allFollow(): Promise<boolean> {
  const found = await Promise.all(login.nodes.map(nodeStatus));
  return found.filter(({ role }) => role === "replica").length === 2 && found.some(({ role }) => role === "source");
}

/** A node that does not lead. */
async function another(): Promise<number> {
  return (await leader()) === 3 ? 2 : 3;
}

/** Kills the source while it is written to, and has the one lead that has most. */
async function loseSource(): Promise<WriteLoad & { readonly lost: readonly number[]; readonly dead: number }> {
  const dead = await leader();
  const load = await writeLoad(login, RATE, async (written) => {
    await until("rows are written", async () => written.length > RATE);
    await docker("kill", container(dead));
    await promote("--force");
    const before = written.length;
    await until("rows are written again", async () => written.length > before + RATE);
  });
  return { ...load, dead, lost: await missingRows(login, load.written) };
}

describe("another MySQL node that leads", () => {
  it("takes over from one that hands over within a second, under 200 writes a second, and nothing is lost", async () => {
    const pauses: number[] = [];
    for (let turn = 0; turn < 3; turn++) {
      const next = await another();
      const { written, longestPauseMs, failedReads } = await writeLoad(login, RATE, async () => {
        await promote(String(next));
        await until("both follow", allFollow);
      });
      expect(await leader()).toBe(next);
      expect(await missingRows(login, written)).toEqual([]);
      expect(failedReads).toEqual([]);
      pauses.push(Math.round(longestPauseMs));
    }
    console.log(`writes paused for ${pauses.join(", ")} ms`);
    expect(Math.max(...pauses)).toBeLessThan(1_000);
  });

  it("takes over from one that was killed, and has every row that was acknowledged", async () => {
    const { written, lost, longestPauseMs, dead } = await loseSource();
    console.log(`no write for ${Math.round(longestPauseMs)} ms after a kill, of ${written.length} acknowledged rows ${lost.length} lost`);
    expect(lost).toEqual([]);
    expect(written.length).toBeGreaterThan(RATE);
    expect(longestPauseMs).toBeLessThan(10_000);
    await docker("start", container(dead));
    // It follows, or tells what it has more.
    await until("it is back", async () => ["replica", "diverged"].includes((await nodeStatus(address(dead))).role), 90_000);
    await heal(dead);
  });

  it("is not disturbed by one that was paused and wakes up", async () => {
    const before = await leader();
    let epoch = 0;
    const { written } = await writeLoad(login, RATE, async () => {
      await docker("pause", container(before));
      await promote("--force");
      await until("another takes writes", async () => ![0, before].includes(await leader()));
      ({ epoch } = await nodeStatus(address(await leader())));
    });
    await until("it is back", async () => ["replica", "diverged"].includes((await nodeStatus(address(before))).role), 90_000);
    expect(await nodeStatus(address(before))).toMatchObject({ writable: false, epoch });
    expect(await missingRows(login, written)).toEqual([]);
    await heal(before);
    expect(await stack.preview()).toEqual([]);
  });

  it("would lack rows if nobody acknowledged them: the control", async () => {
    await stack.up({ mysql: { ...settings, semiSync: false } });
    await until("nobody waits", allFollow);
    const source = await leader();
    const replicas = [1, 2, 3].filter((node) => node !== source);
    const { written } = await writeLoad(login, RATE, async (ids) => {
      await docker("kill", ...replicas.map(container));
      const before = ids.length;
      await until("rows are written that no replica has", async () => ids.length > before + RATE);
      await docker("kill", container(source));
      await docker("start", ...replicas.map(container));
      const answer = async (node: number) => (await nodeStatus(address(node))).executed !== "";
      await until("the replicas are back", async () => (await Promise.all(replicas.map(answer))).every(Boolean), 90_000);
      await promote("--force");
      await until("another takes writes", async () => ![0, source].includes(await leader()));
    });
    expect((await missingRows(login, written)).length).toBeGreaterThan(0);
  });
});

/** Has a node follow again that has what nobody else has. */
async function heal(node: number): Promise<void> {
  if ((await nodeStatus(address(node))).role === "diverged") {
    const command = [
      join(PROJECT_ROOT, "scripts", "dockyard.mjs"),
      "rejoin",
      "mysql",
      String(node),
      "--discard",
      "--cwd",
      stack.folder,
      "--stack",
      NAME,
    ];
    const { exitCode, all } = await execa(process.execPath, command, { all: true, stdin: "ignore", reject: false });
    expect(exitCode, all).toBe(0);
  }
  await until("all follow", allFollow, 90_000);
}
