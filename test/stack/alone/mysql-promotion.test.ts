import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pause, docker } from "../support/engine";
import { until } from "../support/load";
import { missingRows, nodeStatus, writeLoad } from "../support/mysql";
import { PromotedSet } from "../support/promotion";
import { TestStack } from "../support/test-stack";

const PROGRAM = "test/stack/programs/mysql-replica-set/program.cjs";
const RATE = 200;
const GOODS = { name: "goods", grants: [{ privileges: ["SELECT", "INSERT", "CREATE"], database: "shop" }] };

let stack: TestStack;
let set: PromotedSet;
const settings = { port: null, memoryMiB: 640, databases: ["shop"], users: [GOODS] };

beforeAll(async () => {
  const network = { subnet: "10.186.0.0/24", first: "10.186.0.21" };
  stack = await TestStack.create("test-promotion", { network, mysql: settings }, PROGRAM);
  await stack.up();
  const { nodes, passwords } = await stack.secretOutputs<{ nodes: string[]; passwords: { goods: string } }>();
  set = new PromotedSet(stack, { nodes, user: "goods", password: passwords.goods, database: "shop" });
});

afterAll(async () => {
  await stack.remove();
});

describe("another MySQL node that leads", () => {
  it("takes over from one that hands over within a second, under 200 writes a second, and nothing is lost", async () => {
    const pauses: number[] = [];
    for (let turn = 0; turn < 3; turn++) {
      const { lost, longestPauseMs, failedReads } = await set.handOver(RATE);
      expect(lost).toEqual([]);
      expect(failedReads).toEqual([]);
      pauses.push(Math.round(longestPauseMs));
    }
    console.log(`writes paused for ${pauses.join(", ")} ms`);
    expect(Math.max(...pauses)).toBeLessThan(1_000);
  });

  it("takes over within five seconds from one that was killed, and has every row that was acknowledged", async () => {
    const { written, lost, commandMs, dead, failedReads, answersToReads } = await set.loseSource(RATE);
    console.log(
      `${Math.round(commandMs)} ms from the command to the next write, of ${written.length} acknowledged rows ${lost.length} lost`,
    );
    expect(lost).toEqual([]);
    expect(failedReads).toEqual([]);
    expect(answersToReads).toEqual([200, 200]);
    expect(written.length).toBeGreaterThan(RATE);
    expect(commandMs).toBeLessThan(5_000);
    await docker("start", set.container(dead));
    await set.heal(dead);
  });

  it("is not disturbed by one that was paused and wakes up", async () => {
    const before = await set.leader();
    const began = await engineTime();
    let epoch = 0;
    const { written } = await writeLoad(set.login, RATE, async () => {
      await pause(set.container(before));
      await set.promote("--force");
      await until("another takes writes", async () => ![0, before].includes(await set.leader()));
      ({ epoch } = await nodeStatus(set.address(await set.leader())));
    });
    await until("it is back", async () => ["replica", "diverged"].includes((await nodeStatus(set.address(before))).role), 90_000);
    expect(await nodeStatus(set.address(before))).toMatchObject({ writable: false, epoch });
    expect(await missingRows(set.login, written)).toEqual([]);
    // While another one was chosen, its engine was not to bring it back.
    const filter = ["--filter", `container=${set.container(before)}`, "--format", "{{.Action}}"];
    const events = await docker("events", "--since", began, "--until", await engineTime(), ...filter);
    expect(events.split("\n").filter((event) => ["die", "update", "start"].includes(event))).toEqual(["die", "update", "update", "start"]);
    expect(await docker("inspect", "--format", "{{.HostConfig.RestartPolicy.Name}}", set.container(before))).toBe("always");
    await set.heal(before);
    expect(await stack.preview()).toEqual([]);
  });

  it("would lack rows if nobody acknowledged them: the control", async () => {
    await stack.up({ mysql: { ...settings, semiSync: false } });
    await until("nobody waits", () => set.allFollow());
    expect((await set.loseWhatIsAlone(RATE)).length).toBeGreaterThan(0);
  });
});

async function engineTime(): Promise<string> {
  return (await docker("info", "--format", "{{.SystemTime}}")).trim();
}
