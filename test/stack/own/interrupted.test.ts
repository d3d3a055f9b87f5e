import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readlink, rm, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { imageReference } from "../../../components/core/images";
import { raftPeers } from "../support/consul";
import { pause, containersOf, docker, eventsDuring } from "../support/engine";
import { get, until } from "../support/load";
import { withoutAllBut } from "../support/systems";
import { TestStack, freePorts } from "../support/test-stack";

const PROJECT_ROOT = join(import.meta.dirname, "..", "..", "..");

let stack: TestStack;
let gateway: string;

beforeAll(async () => {
  const port = await freePorts(10);
  gateway = `http://127.0.0.1:${port}`;
  stack = await TestStack.create("test-interrupted", {
    network: { subnet: "10.195.0.0/24" },
    gateway: { publishedPort: port, publishedAdminPort: port + 1 },
    consul: { apiPort: port + 2 },
    ops: { nodes: 1 },
    without: withoutAllBut("ops"),
  });
});

afterAll(() => stack.remove());

/** A command of package.json, as a process group of its own, as a terminal would start it. */
function npm(command: "up" | "down" | "preview", ...options: readonly string[]) {
  return execa(
    process.execPath,
    [join(PROJECT_ROOT, "scripts", "dockyard.mjs"), command, "--cwd", stack.folder, "--stack", stack.name, "--non-interactive", ...options],
    {
      detached: true,
      all: true,
      stdin: "ignore",
      reject: false,
    },
  );
}

/** Starts `up` and ends all of its processes when it says that it has come to a moment, as Ctrl-C in a terminal or a lost session does. */
async function cut(signal: NodeJS.Signals, moment: string): Promise<void> {
  const up = npm("up", "--skip-preview");
  let output = "";
  let reached = false;
  up.all.on("data", (chunk: Buffer) => {
    output += chunk.toString();
    if (reached || !output.includes(moment)) return;
    reached = true;
    process.kill(-(up.pid ?? 0), signal);
  });
  await up;
  expect(reached, output).toBe(true);
  await until("no process of it is left", async () => (await processesIn(stack.folder)).length === 0, 60_000);
}

/** Processes that work in a folder: Pulumi, its language host, its plugins. */
async function processesIn(folder: string): Promise<string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const folders = await Promise.all(pids.map((pid) => readlink(`/proc/${pid}/cwd`).catch(() => "")));
  return pids.filter((_, index) => folders[index] === folder);
}

/** Folders of Pulumi's that hold states of earlier runs. */
function olderStates(state: string): string[] {
  return ["backups", "history"].map((kind) => state.replace("/stacks/", `/${kind}/`).replace(/\.json$/, ""));
}

async function forgetOlderStates(state: string): Promise<void> {
  await Promise.all([`${state}.bak`, ...olderStates(state)].map((path) => rm(path, { recursive: true })));
}

/** Leaves what a run that began then, and is dead, leaves of its lock. */
async function leaveLock(state: string, began: number): Promise<void> {
  const folder = state.replace("/stacks/", "/locks/organization/").replace(/\.json$/, "");
  await mkdir(folder, { recursive: true });
  const lock = { pid: 2 ** 22 + 1, username: "root", hostname: hostname(), timestamp: new Date(began).toISOString() };
  await writeFile(join(folder, "0b5c9a4e-7f0e-4d0c-9d53-6f6d0f6f7b11.json"), JSON.stringify(lock));
}

/** Counts what the stack has on the engine. */
async function found() {
  const filter = ["--filter", `label=dockyard.stack=${stack.label}`, "--format"];
  const lines = async (...args: string[]) => (await docker(...args)).split("\n").filter(Boolean).sort();
  return {
    containers: await lines("ps", "--all", ...filter, "{{.Names}}"),
    networks: await lines("network", "ls", ...filter, "{{.Name}}"),
    volumes: await lines("volume", "ls", ...filter, "{{.Name}}"),
  };
}

/** Runs a command that has to go through, and returns what it printed. */
async function succeeds(command: "up" | "down"): Promise<string> {
  const { exitCode, all } = await npm(command);
  expect(exitCode, all).toBe(0);
  return all;
}

async function isAsIfNothingHadHappened(): Promise<void> {
  expect((await get(`${gateway}/orders/1`)).status).toBe(200);
  expect(await stack.preview()).toEqual([]);
  expect(await found()).toEqual({
    containers: ["discovery-1", "discovery-2", "discovery-3", "gateway-1", "goods-1", "ops-1", "order-1"].map((node) =>
      stack.container(node),
    ),
    networks: [stack.container("services")],
    volumes: ["discovery-1", "discovery-2", "discovery-3", "gateway-1"]
      .flatMap((node) => [`${node}-config`, `${node}-data`])
      .concat("ops-1-data", "ops-1-ssh")
      .map((volume) => stack.container(volume)),
  });
  expect(Object.values(await containersOf(stack.label)).every(({ State }) => State.Running)).toBe(true);
}

async function consulApi(): Promise<{ consul: string; apiPort: number }> {
  const { consul } = (await stack.outputs<{ endpoints: { consul: string } }>()).endpoints;
  return { consul, apiPort: Number(new URL(consul).port) };
}

describe("npm run up", () => {
  it("ends as if nothing had happened after a first run that was ended again and again", async () => {
    for (const [signal, moment] of [
      ["SIGKILL", "discovery-1-config creating"],
      ["SIGKILL", "Container discovery-2 creating"],
      ["SIGINT", "discovery-3-gate creating"],
      ["SIGKILL", "goods-1-registration creating"],
    ] as const)
      await cut(signal, moment);
    await succeeds("up");
    await isAsIfNothingHadHappened();
  });

  it("finds its data again after npm run down, also what allowDataLoss names, and forms the cluster anew with a server that lost its own", async () => {
    const { consul } = await consulApi();
    await get(`${consul}/v1/kv/kept`, { method: "PUT", body: "over the down" });
    await stack.configure({ allowDataLoss: [stack.container("ops-1-data")] });
    await succeeds("up");
    const down = await succeeds("down");
    const kept = ["discovery-1", "discovery-2", "discovery-3", "gateway-1", "ops-1"].map((node) => stack.container(`${node}-data`));
    expect(await found()).toEqual({ containers: [], networks: [], volumes: kept });
    for (const volume of kept) expect(down).toContain(volume);
    await docker("volume", "rm", stack.container("discovery-2-data"));
    await stack.configure({ allowDataLoss: [] });
    // A run on data that is there is a first run all the same, and may be cut as one.
    await cut("SIGKILL", "Container discovery-1 creating");
    await succeeds("up");
    await isAsIfNothingHadHappened();
    expect((await get(`${consul}/v1/kv/kept?raw`)).body).toBe("over the down");
    expect(await raftPeers(consul)).toHaveLength(3);
  });

  it("ends as if nothing had happened after a roll that was killed", async () => {
    const { apiPort } = await consulApi();
    await stack.configure({ consul: { apiPort, environment: { ROLL: "1" } } });
    await cut("SIGKILL", "Container discovery-2 creating replacement");
    await succeeds("up");
    await isAsIfNothingHadHappened();
  });

  it("ends a shrink that was killed, and has a server that was killed while it left join again where the shrink is taken back", async () => {
    const { consul, apiPort } = await consulApi();
    const servers = (count: number) => ({ consul: { apiPort, servers: count, environment: { ROLL: "1" } } });
    await stack.up(servers(5));
    await stack.configure(servers(3));
    await cut("SIGKILL", "discovery-5-membership deleting");
    // The server leaves and ends all the same, or is about to: the engine has been told.
    await stack.configure(servers(5));
    await succeeds("up");
    expect(await raftPeers(consul)).toHaveLength(5);
    const fifth = await docker(
      "inspect",
      "--format",
      "{{.State.Running}} {{.HostConfig.RestartPolicy.Name}}",
      stack.container("discovery-5"),
    );
    expect(fifth).toBe("true always");
    expect(await stack.preview()).toEqual([]);
    await stack.configure(servers(3));
    await cut("SIGKILL", "discovery-5-membership deleting");
    await cut("SIGKILL", "Container discovery-5 deleting");
    await succeeds("up");
    expect(await raftPeers(consul)).toHaveLength(3);
    expect(await stack.preview()).toEqual([]);
    // The data of those that left is kept, and the cases that follow begin with three.
    await docker("volume", "rm", ...[4, 5].map((n) => stack.container(`discovery-${n}-data`)));
  });

  it("takes back what a killed run had made of an instance that is no longer wanted", async () => {
    const { consul } = await consulApi();
    await stack.configure({ goods: { instances: 2 } });
    await cut("SIGKILL", "goods-2-registration creating");
    // The keys are written by then, or about to be.
    await stack.configure({ goods: {} });
    await succeeds("up");
    await isAsIfNothingHadHappened();
    const keys = JSON.parse((await get(`${consul}/v1/kv/upstreams/goods/?keys`)).body) as string[];
    expect(keys).toHaveLength(1);
  });

  it("starts nothing for a program that is refused", async () => {
    await docker("kill", stack.container("goods-1"));
    await stack.configure({ goods: { instances: 0 } });
    const refused = await npm("up");
    expect(refused.exitCode, refused.all).toBe(1);
    expect(refused.all).toContain("goods.instances: must be a whole number from 1");
    expect((await containersOf(stack.label))["goods-1"]?.State.Running).toBe(false);
    await stack.configure({ goods: {} });
  });

  it("refuses to run beside another one, which is not disturbed", async () => {
    await stack.configure({ goods: { environment: { CHANGED: "1" } } });
    const first = npm("up");
    let second: ReturnType<typeof npm> | undefined;
    first.all.on("data", () => {
      second ??= npm("up");
    });
    const codes = [(await first).exitCode, (await second)?.exitCode];
    expect(codes[0], (await first).all).toBe(0);
    expect((await second)?.all).toMatch(codes[1] === 0 ? /unchanged/ : /Another run holds the stack|currently locked/);
    expect(await stack.preview()).toEqual([]);
  });

  it("starts what was stopped, makes again what was removed, and touches nothing else", async () => {
    const before = await containersOf(stack.label);
    await docker("kill", stack.container("goods-1"));
    await pause(stack.container("ops-1"));
    await docker("rm", "--force", stack.container("order-1"), stack.container("gateway-1"));
    // With what its software reads.
    await docker("volume", "rm", stack.container("gateway-1-config"));
    // Somebody's own, which only carries the labels.
    const stranger = `${stack.label}-stranger`;
    const labels = [`dockyard.stack=${stack.label}`, "dockyard.node=stranger"].flatMap((label) => ["--label", label]);
    await docker("run", "--detach", "--name", stranger, ...labels, imageReference("shop"), "sleep", "600");
    const all = await succeeds("up");
    expect(all).toContain(`${stranger} has the stack's labels, but the program did not make it: left alone`);
    const { stranger: left, ...after } = await containersOf(stack.label);
    expect(left?.State.Running).toBe(true);
    await docker("rm", "--force", stranger);
    const changed = Object.keys(after).filter((node) => after[node]?.Id !== before[node]?.Id);
    expect(changed.sort()).toEqual(["gateway-1", "order-1"]);
    expect(Object.values(after).every(({ State }) => State.Running)).toBe(true);
    expect((await get(`${gateway}/orders/1`)).status).toBe(200);
  });

  it("makes a lost server again before it changes the others, which could not spare one without it", async () => {
    const { consul, apiPort } = await consulApi();
    await docker("rm", "--force", stack.container("discovery-2"));
    await stack.configure({ consul: { apiPort, environment: { CHANGED: "1" } } });
    const seen = await npm("preview");
    expect(seen.exitCode, seen.all).toBe(0);
    expect(seen.all).toMatch(/Container\s+discovery-2\s+create/);
    let all = "";
    const events = await eventsDuring(stack.label, async () => {
      all = await succeeds("up");
    });
    expect(all).toContain("Making again what is gone, before anything else: discovery-2, discovery-2-gate.");
    // The lost one is made as it is to be, so its turn finds nothing more to change.
    expect(events.filter((event) => event.startsWith("create discovery-"))).toEqual([2, 1, 3].map((n) => `create discovery-${n}`));
    expect(await raftPeers(consul)).toHaveLength(3);
    expect(await stack.preview()).toEqual([]);
  });

  it.each([
    ["the step before, of which a copy lies beside it", async () => undefined],
    ["the step itself, where only its attributes are cut", (file: string) => writeFile(`${file}.attrs`, "")],
    ["the run before, where that copy is cut as well", (file: string) => writeFile(`${file}.bak`, "{")],
    [
      "nothing, as in a stack's first run, which made all that is there",
      async (file: string) => {
        await forgetOlderStates(file);
        // The network comes before the first container.
        const first = Math.min(...Object.values(await containersOf(stack.label)).map(({ Created }) => Date.parse(Created)));
        await leaveLock(file, first - 60_000);
      },
    ],
  ])("goes on from %s when its state was cut", async (_, spoil) => {
    const file = await stack.stateFile();
    await spoil(file);
    const onlyAttributes = existsSync(`${file}.attrs`);
    if (!onlyAttributes) await writeFile(file, "");
    const all = await succeeds("up");
    if (!onlyAttributes) expect(all).toContain("was killed while it wrote the state");
    expect(existsSync(`${file}.attrs`)).toBe(false);
    await isAsIfNothingHadHappened();
  });

  it("refuses a stack whose nodes were there before its first run, which was cut, and touches none of them", async () => {
    const before = await untouched();
    const file = await stack.stateFile();
    const state = await stack.storedState();
    await forgetOlderStates(file);
    await leaveLock(file, Date.now());
    await writeFile(file, "");
    const { exitCode, all } = await npm("up");
    expect(exitCode).toBe(1);
    expect(all).toContain("whose state is somewhere else");
    expect(await untouched()).toEqual(before);
    await writeFile(file, state);
    expect(await stack.preview()).toEqual([]);
  });

  it("refuses a stack whose nodes run but whose state is somewhere else, and touches none of them", async () => {
    const before = await untouched();
    const elsewhere = await mkdtemp(join(tmpdir(), "dockyard-elsewhere-"));
    const { exitCode, all } = await execa(
      process.execPath,
      [join(PROJECT_ROOT, "scripts", "dockyard.mjs"), "up", `--cwd=${stack.folder}`, `--stack=${stack.name}`, "--non-interactive"],
      {
        all: true,
        stdin: "ignore",
        reject: false,
        env: { PULUMI_BACKEND_URL: `file://${elsewhere}` },
      },
    );
    await rm(elsewhere, { recursive: true });
    expect(exitCode).toBe(1);
    expect(all).toContain("whose state is somewhere else");
    expect(await untouched()).toEqual(before);
  });
});

/** By which it is seen that no container was made anew or started. */
async function untouched() {
  return Object.values(await containersOf(stack.label)).map(({ Id, State }) => [Id, State.StartedAt]);
}
