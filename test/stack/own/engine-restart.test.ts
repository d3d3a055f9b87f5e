import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { containersOf, docker } from "../support/engine";
import { anySeed, command, killDuring, seeded } from "../support/interruptions";
import {
  type OwnStack,
  PATIENCE_MS,
  createOwnStack,
  leaveData,
  removeOwnStack,
  restartEngine,
  untilHealthy,
  untilServed,
} from "../support/restarts";
import { withoutAllBut } from "../support/systems";

/** How long the roll takes that is interrupted, at least, in ms. */
const ROLL_MS = 10_000;

let own: OwnStack;

beforeAll(async () => {
  const images = ["consul", "nginx", "shop", "rabbitmq", "haproxy-keepalived"] as const;
  own = await createOwnStack("test-engines-restart", "10.144.0.0/24", images, { without: withoutAllBut("rabbitmq") });
  await own.stack.up();
  await leaveData(own);
  await untilServed(own);
});

afterAll(() => removeOwnStack(own));

/** So many previews, one after the other, each of which has nothing to change. */
async function staysEmpty(previews: number): Promise<void> {
  for (let n = 1; n <= previews; n++) expect(await own.stack.preview(), `preview ${n}`).toEqual([]);
}

async function ids(): Promise<string[]> {
  return Object.values(await containersOf(own.stack.label)).map(({ Id }) => Id);
}

describe("a stack on an engine", () => {
  it.each(["SIGTERM", "SIGKILL"] as const)(
    "is whole by itself within two minutes of its engine's start after a %s, with nothing to change",
    async (signal) => {
      const before = await ids();
      const seconds = await restartEngine(own, signal);
      console.log(`whole ${seconds.toFixed(0)} s after the engine's start`);
      expect(seconds).toBeLessThan(PATIENCE_MS / 1000);
      expect((await ids()).sort()).toEqual(before.sort());
      await staysEmpty(1);
    },
  );

  it("has nothing to change after all of its containers were restarted at once, nor after a refresh, and is whole by itself", async () => {
    await Promise.all((await ids()).map((id) => docker("restart", "--time", "20", id)));
    await untilHealthy(own.stack.label);
    await untilServed(own);
    await staysEmpty(1);
    await own.stack.refresh();
    await staysEmpty(2);
  });

  it("is brought up by one more run after its engine was killed at a random moment of a roll", async () => {
    const seed = anySeed();
    const { consul } = own.settings as { consul: Record<string, unknown> };
    await own.stack.configure({ consul: { ...consul, environment: { ROLL: "1" } }, goods: { environment: { ROLL: "1" } } });
    const afterMs = seeded(seed)() * ROLL_MS;
    const killed = await killDuring(command(own.stack, "up", "--skip-preview"), "engine", afterMs, own);
    console.log(`DOCKYARD_SEED=${seed}: ${killed} was killed after ${afterMs.toFixed(0)} ms`);
    expect(killed).toBe("engine");
    const { exitCode, all } = await command(own.stack, "up");
    expect(exitCode, all).toBe(0);
    await untilHealthy(own.stack.label);
    await untilServed(own);
    await staysEmpty(1);
  });
});
