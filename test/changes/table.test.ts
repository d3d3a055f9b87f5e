import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import * as allComponents from "../../components";
import { announced, announcedEffect, happened } from "../stack/changes/effects";
import { buildersTable } from "../stack/changes/builders-table";
import { databasesTable } from "../stack/changes/databases-table";
import { lightTable } from "../stack/changes/light-table";
import { messagesTable } from "../stack/changes/messages-table";
import { absent, byTransform, remembered, tagged } from "../stack/changes/made";
import { roundOf } from "../stack/changes/rounds";
import { CHANGES, Row } from "../stack/changes/table";
import type { PlannedStep } from "../stack/support/test-stack";

const TESTS = join(import.meta.dirname, "..", "stack");
const TABLE = { ...lightTable(20_000), ...messagesTable(20_000), ...databasesTable(20_000), ...buildersTable(20_000) };

/** Every cell that refers to another test, by its place in the table. */
const REFERENCES = Object.entries(TABLE).flatMap(([component, { changes, faults, down }]) =>
  Object.entries({
    ...changes,
    down,
    ...Object.fromEntries(Object.entries(faults).map(([key, cell]) => [`a fault of ${key}`, cell])),
  }).flatMap(([column, cell]) => (typeof cell === "object" && "file" in cell ? [[`${column} of ${component}`, cell] as const] : [])),
);

const CONTAINER = "docker:index/container:Container";

function step(op: string, name: string, some: Partial<PlannedStep> = {}): PlannedStep {
  return { op, name, type: CONTAINER, reasons: [], replacing: [], ...some };
}

describe("the table of changes", () => {
  it.each(REFERENCES)("has a test that proves the %s", async (_, { file, test }) => {
    expect(await readFile(join(TESTS, file), "utf8")).toMatch(new RegExp(`(it|describe)(\\.each\\([^]*?\\))?\\(\\s*"${escaped(test)}`));
  });

  it("has every component of the dev stack", async () => {
    const made = async (folder: string) => {
      const files = (await readdir(folder)).filter((file) => file.endsWith(".ts"));
      const texts = await Promise.all(files.map((file) => readFile(join(folder, file), "utf8")));
      return [...new Set(texts.flatMap((text) => [...text.matchAll(/\bnew ([A-Z]\w+)\(/g)].map(([, name = ""]) => name)))];
    };
    const components = (await made(join(TESTS, "../../stack"))).filter((name) => name in allComponents);
    const changed = (await Promise.all(["changes", "changes-heavy"].map((program) => made(join(TESTS, "programs", program))))).flat();
    expect(components).toContain("BackupSchedule");
    expect(changed).toEqual(expect.arrayContaining(components));
  });

  it("makes what replaces containers together, and asks preview alone of what nothing else tells apart", () => {
    const replaced = { environment: byTransform, image: tagged("nginx"), memory: { args: { memoryMiB: 1 }, effect: "rolled" } } as const;
    const reloaded = { port: { args: { port: 1 }, effect: "reloaded" }, configuration: { args: { more: 1 }, effect: "reloaded" } } as const;
    const table = { a: rowOf({ ...replaced, nodes: { effect: "rolled" } }), b: rowOf({ ...reloaded, memory: remembered(1) }) };
    const rounds = (["in place", "replaced", "nodes"] as const).map((name) => {
      const { made, alone } = roundOf(table, name);
      return { alone, ...Object.fromEntries(Object.entries(made).map(([component, cells]) => [component, Object.keys(cells)])) };
    });
    expect(rounds).toEqual([
      { a: [], b: ["port", "configuration", "memory"], alone: ["port", "configuration"] },
      { a: ["environment", "image", "memory"], b: [], alone: ["memory"] },
      { a: ["nodes"], b: [], alone: [] },
    ]);
  });
});

/** A row with these changes and no others. */
function rowOf(changes: Partial<Row["changes"]>): Row {
  const none = absent("it is not asked for");
  const all = Object.fromEntries(CHANGES.map((change) => [change, changes[change] ?? none])) as unknown as Row["changes"];
  return {
    args: {},
    sets: () => ({}),
    changes: all,
    faults: { image: none, configuration: none, majority: none, needed: none },
    down: none,
  };
}

describe("what preview says of a set", () => {
  const nodes = ["a-1", "a-2"];

  it.each([
    ["rolled", [step("replace", "a-1"), step("replace", "a-2")], 2],
    ["updated", nodes.map((node) => step("update", node, { reasons: ["memory"] })), 2],
    ["reloaded", nodes.map((node) => step("update", `${node}-config`, { type: "command:local:Command" })), 2],
    ["left", [step("update", "a-1-config"), step("update", "b-1")], 2],
    ["grown", [step("create", "a-2")], 1],
    ["a-1 replaced, a-2 untouched", [step("replace", "a-1")], 2],
  ] as const)("is %s", (effect, steps, before) => {
    expect(announcedEffect(steps, nodes, before)).toBe(effect);
  });

  it("is by the input that replaces, where several have changed", () => {
    const steps = [step("replace", "a-1", { replacing: ["envs", "image"] }), step("replace", "a-2", { replacing: ["envs"] })];
    const of = (input: string) => announcedEffect(steps, nodes, 2, { input, limits: false });
    expect(of("envs")).toBe("rolled");
    expect(of("ports")).toBe("left");
    expect(of("image")).toBe("only a-1 replaced");
  });

  it("is by limits or by configuration, where both change", () => {
    const limits = nodes.map((node) => step("update", node, { reasons: ["memory"] }));
    const configured = nodes.map((node) => step("update", `${node}-config`));
    const of = (steps: PlannedStep[]) => [true, false].map((asked) => announcedEffect(steps, nodes, 2, { limits: asked }));
    expect(of([...limits, ...configured])).toEqual(["updated", "reloaded"]);
    expect(of(limits)).toEqual(["updated", "left"]);
    expect(of(configured)).toEqual(["left", "reloaded"]);
  });
});

describe("what the engine's events say", () => {
  it("is what preview said, or shows what it did not", () => {
    const said = announced([step("replace", "a-1"), step("replace", "a-1-gate", { type: "command:local:Command" })]);
    const replaced = ["die", "destroy", "create", "start", "update"].map((action) => `${action} a-1`);
    expect(happened(replaced)).toEqual(said);
    expect(happened([...replaced, "die a-2", "start a-2"])).toEqual({ ...said, "a-2": "die start" });
    expect(happened(replaced.slice(0, -1))).not.toEqual(said);
  });
});

function escaped(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
