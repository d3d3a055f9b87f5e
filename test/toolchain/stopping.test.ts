/** What a deletion's script finds out about the run that it is part of, with the real engine and plugin. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { local } from "@pulumi/command";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { STOPPING_FUNCTION } from "../../components/core/stopping";
import { Engine } from "./support/engine.js";

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let engine: Engine;

beforeAll(async () => {
  engine = await Engine.create();
});
afterAll(() => engine.dispose());

const nodes =
  (...names: string[]) =>
  () => {
    for (const name of names)
      new local.Command(name, { delete: `${STOPPING_FUNCTION}\nif stopping; then echo ${name} stops; else echo ${name} leaves; fi >> log` });
  };

/** What was said since the last look. */
function said(): string {
  const log = join(engine.directory, "log");
  const lines = readFileSync(log, "utf8");
  writeFileSync(log, "");
  return lines;
}

test("a node leaves where it is taken out of the program or destroyed alone, and stops where the whole stack is destroyed", async () => {
  await engine.up(nodes("one", "two", "three"));
  await engine.up(nodes("one", "two"));
  expect(said()).toBe("three leaves\n");
  await engine.destroy({ target: ["**::two"] });
  expect(said()).toBe("two leaves\n");
  await engine.destroy();
  expect(said()).toBe("one stops\n");
});
