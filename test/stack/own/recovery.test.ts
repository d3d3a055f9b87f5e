import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { imageReference } from "../../../components/core/images";
import { raftPeers } from "../support/consul";
import { CutStack, cutSettings } from "../support/cut-stack";
import { containersOf, docker, pause } from "../support/engine";
import { get } from "../support/load";
import { withoutAllBut } from "../support/systems";
import { TestStack, freePorts } from "../support/test-stack";

const PROJECT_ROOT = join(import.meta.dirname, "..", "..", "..");

let cuts: CutStack;

beforeAll(async () => {
  const { gateway, settings } = cutSettings("10.147.0.0/24", await freePorts(10));
  const consul = { ...settings.consul, servers: 5 };
  const stack = await TestStack.create("test-engines-recovery", { ...settings, consul, without: withoutAllBut() });
  cuts = new CutStack(stack, gateway);
  await stack.up();
});

afterAll(() => cuts.stack.remove());

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

describe("npm run up", () => {
  it("ends a shrink that was killed, and has a server that was killed while it left join again where the shrink is taken back", async () => {
    const { consul, apiPort } = await cuts.consulApi();
    const servers = (count: number) => ({ consul: { apiPort, servers: count } });
    await cuts.stack.configure(servers(3));
    await cuts.cut("SIGKILL", "discovery-5-membership deleting");
    // The server leaves and ends all the same, or is about to: the engine has been told.
    await cuts.stack.configure(servers(5));
    await cuts.goesOn();
    expect(await raftPeers(consul)).toHaveLength(5);
    const fifth = await docker(
      "inspect",
      "--format",
      "{{.State.Running}} {{.HostConfig.RestartPolicy.Name}}",
      cuts.stack.container("discovery-5"),
    );
    expect(fifth).toBe("true always");
    await cuts.stack.configure(servers(3));
    await cuts.cut("SIGKILL", "discovery-5-membership deleting");
    await cuts.cut("SIGKILL", "Container discovery-5 deleting");
    await cuts.goesOn();
    expect(await raftPeers(consul)).toHaveLength(3);
    expect(await cuts.stack.preview()).toEqual([]);
    // The data of those that left is kept; the cases that follow know three.
    await docker("volume", "rm", ...[4, 5].map((n) => cuts.stack.container(`discovery-${n}-data`)));
  });

  it("starts nothing for a program that is refused", async () => {
    await docker("kill", cuts.stack.container("goods-1"));
    await cuts.stack.configure({ goods: { instances: 0 } });
    const refused = await cuts.npm("up");
    expect(refused.exitCode, refused.all).toBe(1);
    expect(refused.all).toContain("goods.instances: must be a whole number from 1");
    expect((await containersOf(cuts.stack.label))["goods-1"]?.State.Running).toBe(false);
    await cuts.stack.configure({ goods: {} });
  });

  it("starts what was stopped, makes again what was removed, and touches nothing else", async () => {
    const before = await containersOf(cuts.stack.label);
    await docker("stop", "--time", "0", cuts.stack.container("goods-1"));
    await pause(cuts.stack.container("discovery-3"));
    await docker("rm", "--force", cuts.stack.container("order-1"), cuts.stack.container("gateway-1"));
    // With what its software reads.
    await docker("volume", "rm", cuts.stack.container("gateway-1-config"));
    // Somebody's own, which only carries the labels.
    const stranger = `${cuts.stack.label}-stranger`;
    const labels = [`dockyard.stack=${cuts.stack.label}`, "dockyard.node=stranger"].flatMap((label) => ["--label", label]);
    await docker("run", "--detach", "--name", stranger, ...labels, imageReference("shop"), "sleep", "600");
    const all = await cuts.goesOn();
    expect(all).toContain(`${stranger} has the stack's labels, but the program did not make it: left alone`);
    const { stranger: left, ...after } = await containersOf(cuts.stack.label);
    expect(left?.State.Running).toBe(true);
    await docker("rm", "--force", stranger);
    const changed = Object.keys(after).filter((node) => after[node]?.Id !== before[node]?.Id);
    expect(changed.sort()).toEqual(["gateway-1", "order-1"]);
    expect(Object.values(after).every(({ State }) => State.Running)).toBe(true);
    expect((await get(`${cuts.gateway}/orders/1`)).status).toBe(200);
  });

  it.each([
    ["the step before, of which a copy lies beside it", async () => undefined],
    [
      "nothing, as in a stack's first run, which made all that is there",
      async (file: string) => {
        await forgetOlderStates(file);
        // The network comes before all that has a time.
        const made = await docker("network", "inspect", "--format", "{{json .Created}}", cuts.stack.container("services"));
        await leaveLock(file, Date.parse(JSON.parse(made) as string) - 1_000);
      },
    ],
  ])("goes on from %s when its state was cut", async (_, spoil) => {
    const file = await cuts.stack.stateFile();
    await spoil(file);
    await writeFile(file, "");
    expect(await cuts.goesOn()).toContain("was killed while it wrote the state");
    await cuts.isAsIfNothingHadHappened();
  });

  it("refuses a stack whose nodes were there before its first run, which was cut, and touches none of them", async () => {
    const before = await untouched();
    const file = await cuts.stack.stateFile();
    const state = await cuts.stack.storedState();
    await forgetOlderStates(file);
    await leaveLock(file, Date.now());
    await writeFile(file, "");
    const { exitCode, all } = await cuts.npm("up");
    expect(exitCode).toBe(1);
    expect(all).toContain("whose state is somewhere else");
    expect(await untouched()).toEqual(before);
    await writeFile(file, state);
    expect(await cuts.stack.preview()).toEqual([]);
  });

  it("refuses a stack whose nodes run but whose state is somewhere else, and touches none of them", async () => {
    const before = await untouched();
    const elsewhere = await mkdtemp(join(tmpdir(), "dockyard-elsewhere-"));
    const { exitCode, all } = await execa(
      process.execPath,
      [
        join(PROJECT_ROOT, "scripts", "dockyard.mjs"),
        "up",
        `--cwd=${cuts.stack.folder}`,
        `--stack=${cuts.stack.name}`,
        "--non-interactive",
      ],
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
  return Object.values(await containersOf(cuts.stack.label)).map(({ Id, State }) => [Id, State.StartedAt]);
}
