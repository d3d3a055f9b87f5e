import { describe, expect, it } from "vitest";
import {
  FIRST_GENERATION,
  generationName,
  generationOf,
  generationsIn,
  parseRotation,
  readRotations,
  renderRotation,
} from "../../components/core/rotation";

describe("a rotation", () => {
  it.each([
    ["1", { generation: 1 }],
    [12, { generation: 12 }],
    ["2 offer", { generation: 2, step: "offer" }],
    ["2 switch", { generation: 2, step: "switch" }],
  ] as const)("is read from %j, and written so", (text, rotation) => {
    expect(parseRotation(text)).toEqual(rotation);
    expect(renderRotation(rotation)).toBe(String(text));
  });

  it.each(["", "0", "-1", "1.5", "offer", "1 offer ", "1 drop", "1234567", null, {}, [], true])("is not read from %j", (text) => {
    expect(parseRotation(text)).toBeUndefined();
  });

  it("has servers accept both secrets until clients use the new one", () => {
    expect(generationsIn(FIRST_GENERATION)).toEqual({ used: 0, accepted: [0] });
    expect(generationsIn({ generation: 1, step: "offer" })).toEqual({ used: 0, accepted: [1, 0] });
    expect(generationsIn({ generation: 1, step: "switch" })).toEqual({ used: 1, accepted: [1, 0] });
    expect(generationsIn({ generation: 1 })).toEqual({ used: 1, accepted: [1] });
  });

  it.each([
    ["cache-goods-password", 0, "cache-goods-password"],
    ["cache-goods-password", 3, "cache-goods-password-generation-3"],
  ])("has the resources of %s called by its generation %i", (name, generation, resource) => {
    expect(generationName(name, generation)).toBe(resource);
    expect(generationOf(resource)).toEqual({ name, generation });
  });
});

describe("the rotations of a configuration", () => {
  it("are there by the names of their secrets", () => {
    expect(readRotations(undefined).size).toBe(0);
    expect([...readRotations('{"a":1,"b":"2 switch"}')]).toEqual([
      ["a", { generation: 1 }],
      ["b", { generation: 2, step: "switch" }],
    ]);
  });

  it.each([
    ["[1]", "dockyard:rotations: must be as `npm run rotate` has written it, got [1]"],
    ["often", 'dockyard:rotations: must be as `npm run rotate` has written it, got "often"'],
    [
      '{"a":"soon","b":0}',
      'dockyard:rotations.a: must be a number, alone or with a step, like 2, "2 offer" or "2 switch", got "soon"\n' +
        'dockyard:rotations.b: must be a number, alone or with a step, like 2, "2 offer" or "2 switch", got 0',
    ],
  ])("are refused as %s", (configured, said) => {
    expect(() => readRotations(configured)).toThrow(said);
  });
});
