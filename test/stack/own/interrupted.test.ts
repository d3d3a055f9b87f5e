import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { raftPeers } from "../support/consul";
import { CutStack, cutSettings } from "../support/cut-stack";
import { docker, eventsDuring } from "../support/engine";
import { VICTIMS, anySeed, drawInterruptions, killDuring } from "../support/interruptions";
import { get } from "../support/load";
import { withoutAllBut } from "../support/systems";
import { TestStack, freePorts } from "../support/test-stack";

const NAME = "test-interrupted";

/** How long a first run takes that nobody ends, in ms. */
const FIRST_RUN_MS = 20_000;

let cuts: CutStack;

beforeAll(async () => {
  const { gateway, settings } = cutSettings("10.195.0.0/24", await freePorts(10));
  const allowDataLoss = [`dockyard-${NAME}-gateway-1-data`];
  cuts = new CutStack(await TestStack.create(NAME, { ...settings, allowDataLoss, without: withoutAllBut() }), gateway);
});

afterAll(() => cuts.stack.remove());

/** Kills the program, a plugin, Pulumi or the whole command at moments of as many runs, one after the other; says by which seed they were drawn. */
async function cutAtRandom(count: number): Promise<void> {
  const seed = anySeed();
  // The engine here is everybody's: another file kills one of its own.
  const victims = VICTIMS.filter((victim) => victim !== "engine");
  for (const { victim, at } of drawInterruptions(seed, count, victims)) {
    const killed = await killDuring(cuts.npm("up", "--skip-preview"), victim, at * FIRST_RUN_MS, { nth: Math.floor(at * 10) });
    console.log(`DOCKYARD_SEED=${seed}: ${killed} was killed after ${(at * FIRST_RUN_MS).toFixed(0)} ms`);
  }
}

describe("npm run up", () => {
  it("ends as if nothing had happened after a first run that was ended again and again", async () => {
    const said: string[] = [];
    for (const [signal, moment] of [
      ["SIGKILL", "discovery-1-config creating"],
      ["SIGKILL", "Container discovery-2 creating"],
      ["SIGINT", "discovery-3-gate creating"],
      ["SIGKILL", "goods-1-registration creating"],
    ] as const)
      said.push(await cuts.cut(signal, moment));
    expect(said[2]).toContain("Interrupted: what is done stays, and the same command goes on from here.");
    await cuts.succeeds("up");
    await cuts.isAsIfNothingHadHappened();
  });

  it("finds its data again after npm run down, also what allowDataLoss names, and forms the cluster anew with a server that lost its own", async () => {
    const { consul } = await cuts.consulApi();
    await get(`${consul}/v1/kv/kept`, { method: "PUT", body: "over the down" });
    await cuts.stack.configure({ allowDataLoss: [cuts.stack.container("gateway-1-data")] });
    await cuts.goesOn();
    const down = await cuts.succeeds("down");
    const kept = ["discovery-1", "discovery-2", "discovery-3", "gateway-1"].map((node) => cuts.stack.container(`${node}-data`));
    expect(await cuts.found()).toEqual({ containers: [], networks: [], volumes: kept });
    for (const volume of kept) expect(down).toContain(volume);
    await docker("volume", "rm", cuts.stack.container("discovery-2-data"));
    await cuts.stack.configure({ allowDataLoss: [] });
    // A run on data that is there is a first run all the same, and may be cut as one: each goes on where the one before was cut.
    await cutAtRandom(2);
    await cuts.goesOn();
    await cuts.isAsIfNothingHadHappened();
    expect((await get(`${consul}/v1/kv/kept?raw`)).body).toBe("over the down");
    expect(await raftPeers(consul)).toHaveLength(3);
  });

  it("takes back what a killed run had made of an instance that is no longer wanted", async () => {
    const { consul } = await cuts.consulApi();
    await cuts.stack.configure({ goods: { instances: 2 } });
    await cuts.cut("SIGKILL", "goods-2-registration creating");
    // The keys are written by then, or about to be.
    await cuts.stack.configure({ goods: {} });
    await cuts.goesOn();
    await cuts.isAsIfNothingHadHappened();
    const keys = JSON.parse((await get(`${consul}/v1/kv/upstreams/goods/?keys`)).body) as string[];
    expect(keys).toHaveLength(1);
  });

  it("refuses to run beside another one, which is not disturbed", async () => {
    await cuts.stack.configure({ goods: { environment: { CHANGED: "1" } } });
    const first = cuts.npm("up");
    let second: ReturnType<typeof cuts.npm> | undefined;
    first.all.on("data", () => {
      second ??= cuts.npm("up");
    });
    const codes = [(await first).exitCode, (await second)?.exitCode];
    expect(codes[0], (await first).all).toBe(0);
    expect((await second)?.all).toMatch(codes[1] === 0 ? /unchanged/ : /Another run holds the stack|currently locked/);
    expect(await cuts.stack.preview()).toEqual([]);
  });

  it("makes a lost server again before it changes the others, which could not spare one without it, and goes on where that was killed", async () => {
    const { consul, apiPort } = await cuts.consulApi();
    await docker("rm", "--force", cuts.stack.container("discovery-2"));
    await cuts.stack.configure({ consul: { apiPort, environment: { CHANGED: "1" } } });
    const seen = await cuts.npm("preview");
    expect(seen.exitCode, seen.all).toBe(0);
    expect(seen.all).toMatch(/Container\s+discovery-2\s+create/);
    let all = "";
    const events = await eventsDuring(cuts.stack.label, async () => {
      all = await cuts.cut("SIGKILL", "Container discovery-1 creating replacement");
      await cuts.goesOn();
    });
    expect(all).toContain("Making again what is gone, before anything else: discovery-2, discovery-2-gate.");
    // The lost one is made as it is to be, so its turn finds nothing more to change. What was being made when the run was killed may be made twice.
    const [second, ...others] = events.filter((event) => event.startsWith("create discovery-"));
    expect(second).toBe("create discovery-2");
    expect([...new Set(others)]).toEqual([1, 3].map((n) => `create discovery-${n}`));
    expect(await raftPeers(consul)).toHaveLength(3);
    expect(await cuts.stack.preview()).toEqual([]);
  });
});
