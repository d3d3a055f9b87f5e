/** The random plugin, run by the real engine. */
import { RandomBytes, RandomId, RandomPassword, RandomPet, RandomShuffle } from "@pulumi/random";
import { expect, test } from "vitest";
import { Engine } from "./support/engine.js";

test("random values stay what they are until their keepers change, and passwords stay secret", async () => {
  const engine = await Engine.create();
  const program = (keeper: string) => () => {
    const password = new RandomPassword("password", { length: 20, special: false });
    const bytes = new RandomBytes("bytes", { length: 16 });
    const id = new RandomId("id", { byteLength: 4, keepers: { keeper } });
    const pet = new RandomPet("pet");
    const shuffle = new RandomShuffle("shuffle", { inputs: ["a", "b"], resultCount: 1 });
    return { password: password.result, bytes: bytes.hex, id: id.hex, pet: pet.id, shuffle: shuffle.results };
  };
  try {
    const { outputs } = await engine.up(program("1"));
    const password = outputs.password as { value: string; secret: boolean };
    expect(password.value).toMatch(/^[a-zA-Z0-9]{20}$/);
    expect([password.secret, (outputs.bytes as { secret: boolean }).secret]).toEqual([true, true]);
    expect(engine.state()).not.toContain(password.value);
    expect((await engine.refresh(program("1"))).steps).toEqual({});
    const changed = await engine.up(program("2"));
    expect(Object.keys(changed.steps)).toEqual(["id"]);
    expect(changed.outputs.password).toEqual(password);
  } finally {
    await engine.dispose();
  }
}, 60_000);
