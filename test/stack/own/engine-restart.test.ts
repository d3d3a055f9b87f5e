import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { containersOf } from "../support/engine";
import { anySeed, command, killDuring, seeded } from "../support/interruptions";
import { until } from "../support/load";
import { processesOf } from "../support/process-tree";
import {
  type OwnStack,
  PATIENCE_MS,
  createOwnStack,
  leaveData,
  removeOwnStack,
  restartContainers,
  restartEngine,
  untilHealthy,
  untilServed,
} from "../support/restarts";
import { withoutAllBut } from "../support/systems";
import { foundOf } from "../support/whole-stack";

/** How long the roll takes that is interrupted, at least, in ms. */
const ROLL_MS = 10_000;

/** Requests that would meet another process at the address of the instance that is asked. */
const ASKED = 30;

let own: OwnStack;
let folder: string;

/**
 * A runtime that makes the process of one instance, and does not start it while a file is there: an engine can be killed at that moment.
 *
 * It runs in the folder of the container's configuration.
 */
async function haltingRuntime(): Promise<string[]> {
  const path = join(folder, "runc");
  const halts = `[ -e ${join(folder, "halt")} ] && grep -q goods-2 config.json`;
  await writeFile(path, `#!/bin/sh\ncase " $* " in *" start "*) ! { ${halts}; } || { sleep 10; exit 1; } ;; esac\nexec runc "$@"\n`);
  await chmod(path, 0o755);
  return ["--add-runtime", `halting=${path}`, "--default-runtime", "halting"];
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dockyard-test-engines-restart-"));
  const images = ["consul", "nginx", "shop", "rabbitmq", "haproxy-keepalived"] as const;
  const settings = { without: withoutAllBut("rabbitmq") };
  own = await createOwnStack("test-engines-restart", "10.144.0.0/24", images, settings, await haltingRuntime());
  await own.stack.up();
  await leaveData(own);
  await untilServed(own);
});

afterAll(async () => {
  await removeOwnStack(own);
  await rm(folder, { recursive: true, force: true });
});

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
    await restartContainers(own);
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

  it("has what an engine that was killed has left of a container, and knows nothing of, ended by the next run: it would share an address", async () => {
    const { engine, stack } = own;
    const before = await foundOf(stack);
    await writeFile(join(folder, "halt"), "");
    await stack.configure({ goods: { instances: 2, environment: { ROLL: "1" } } });
    const first = command(stack, "up", "--skip-preview");
    let id = "";
    await until("an instance is made and not started", async () => {
      id = (await containersOf(stack.label))["goods-2"]?.Id ?? "";
      return id !== "" && (await processesOf(id)).length > 0;
    });
    await engine.end("SIGKILL");
    await rm(join(folder, "halt"));
    await engine.start();
    await first;
    expect((await containersOf(stack.label))["goods-2"]?.State.Running).toBe(false);
    expect(await processesOf(id)).not.toEqual([]);

    const { exitCode, all } = await command(stack, "up");
    expect(exitCode, all).toBe(0);
    for (let n = 0; n < ASKED; n++) await engine.curl("http://10.144.0.42:8000/goods/1", "--max-time", "2");
    expect(all).toContain(`Ended what still ran of ${stack.container("goods-2")}`);
    expect(await processesOf(id)).toEqual([]);
    expect(await foundOf(stack)).toEqual({ ...before, containers: [...before.containers, stack.container("goods-2")].sort() });
    await staysEmpty(1);
  });
});
