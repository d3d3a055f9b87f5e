import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  Deployment,
  brokenSpans,
  configurationFile,
  forgettable,
  isSame,
  noteDeployment,
  readHistory,
  removeNote,
  takeNumber,
} from "../../../scripts/deployments/history";
import { deployed } from "./deployed";

let folder: string;
beforeEach(() => {
  folder = join(mkdtempSync(join(tmpdir(), "dockyard-history-")), "shop", "dev");
});
afterEach(() => rmSync(join(folder, "..", ".."), { recursive: true }));

function note(deployment: Deployment): void {
  expect(takeNumber(folder)).toBe(deployment.number);
  noteDeployment(folder, deployment);
}

describe("the history of a stack", () => {
  it("is empty where nothing was ever brought up", () => {
    expect(readHistory(folder)).toEqual([]);
  });

  it("has every deployment as it was noted, in the order of their numbers", () => {
    const noted = Array.from({ length: 11 }, (_, index) => deployed(index + 1, { configuration: `config: ${index}\n` }));
    noted.forEach(note);
    expect(readHistory(folder)).toEqual(noted);
    expect(readFileSync(configurationFile(folder, 3), "utf8")).toBe("config: 2\n");
  });

  it("has one that ended in the place of one that began", () => {
    note(deployed(1, { result: undefined }));
    noteDeployment(folder, deployed(1, { result: "failed" }));
    expect(readHistory(folder).map(({ result }) => result)).toEqual(["failed"]);
  });

  it("is for nobody else to read", () => {
    note(deployed(1));
    expect(statSync(join(folder, "1")).mode & 0o777).toBe(0o700);
    for (const file of readdirSync(join(folder, "1"))) expect(statSync(join(folder, "1", file)).mode & 0o777).toBe(0o600);
  });

  it("gives two runs at once two numbers, and takes no note of one that never began", () => {
    expect([takeNumber(folder), takeNumber(folder)]).toEqual([1, 2]);
    expect(readHistory(folder)).toEqual([]);
    note(deployed(3));
    expect(readHistory(folder).map(({ number }) => number)).toEqual([3]);
  });

  it.each([
    ["was cut", "{"],
    ["lacks what was brought up", '{"began": "2026-01-01T00:00:00Z"}'],
    ["is something else", "[]"],
  ])("names the note that %s, and what to do", (_, text) => {
    note(deployed(1));
    note(deployed(2));
    writeFileSync(join(folder, "1", "deployment.json"), text);
    expect(() => readHistory(folder)).toThrow(`The note of deployment 1 cannot be read`);
    expect(() => readHistory(folder)).toThrow(`Put the folder ${join(folder, "1")} back as it was, or remove it`);
    // What is about to be brought up needs none of the others.
    note(deployed(3));
    removeNote(folder, deployed(1));
    expect(readHistory(folder).map(({ number }) => number)).toEqual([2, 3]);
  });
});

describe("what may be forgotten", () => {
  const numbers = (history: readonly Deployment[], most: number) => forgettable(history, most).map(({ number }) => number);

  it("is nothing while there is room", () => {
    expect(numbers([deployed(1), deployed(2)], 2)).toEqual([]);
  });

  it("is what failed, then what the next one repeats, then the oldest; never the latest", () => {
    const history = [
      deployed(1, { configuration: "a" }),
      deployed(2, { configuration: "b" }),
      deployed(3, { configuration: "b" }),
      deployed(4, { result: "failed" }),
      deployed(5, { result: undefined }),
      deployed(6, { configuration: "c" }),
      deployed(7, { result: "failed" }),
    ];
    expect(numbers(history, 1)).toEqual([4, 5, 2, 1, 3, 6]);
    expect(numbers(history, 4)).toEqual([4, 5, 2]);
  });

  it("spares what could be gone back to, over a night of failures and a day of repetitions", () => {
    const good = [deployed(1, { configuration: "old" }), deployed(2, { configuration: "new" })];
    const failures = Array.from({ length: 100 }, (_, index) => deployed(index + 3, { result: "failed" }));
    const repeated = Array.from({ length: 100 }, (_, index) => deployed(index + 103, { configuration: "new" }));
    const forgotten = numbers([...good, ...failures, ...repeated], 50);
    expect(forgotten).toHaveLength(152);
    expect(forgotten).not.toContain(1);
    expect(forgotten).not.toContain(202);
  });
});

describe("two deployments", () => {
  const tree = { commit: "c1", tree: "t1", folder: ".", ref: "refs/1" };

  it.each([
    ["the program", { program: { ...tree, tree: "t2" } }],
    ["the program's folder", { program: { ...tree, folder: "stack" } }],
    ["Dockyard", { program: tree, dockyard: { ...tree, tree: "t2" } }],
    ["the configuration", { program: tree, configuration: "other" }],
    ["an option", { program: tree, options: ["-c", "a=1"] }],
  ])("differ by %s", (_, other) => {
    expect(isSame(deployed(1, { program: tree }), deployed(2, other))).toBe(false);
  });

  it("are the same whichever commit holds the tree", () => {
    expect(isSame(deployed(1, { program: tree }), deployed(2, { program: { ...tree, commit: "c2", ref: "refs/2" } }))).toBe(true);
  });
});

describe("what a run made and could not note is looked for in the time of", () => {
  const at = (second: number, result?: "succeeded" | "failed", ended?: number) => ({
    began: `2026-11-25T10:00:0${second}.700Z`,
    result,
    ...(ended !== undefined && { state: `2026-11-25T10:00:0${ended}.200Z` }),
  });
  const time = (second: string) => Date.parse(`2026-11-25T10:00:${second}Z`);

  it.each<[string, readonly ReturnType<typeof at>[], readonly { from: number; to: number }[]]>([
    [
      "those that failed or were killed after the latest one that succeeded",
      [at(1, "failed", 2), at(2, "succeeded", 3), at(3, "failed", 5), at(6), at(8)],
      [
        { from: time("03"), to: time("05.200") },
        { from: time("06"), to: time("08.700") },
        { from: time("08"), to: Infinity },
      ],
    ],
    ["all where none succeeded", [at(1, "failed", 2)], [{ from: time("01"), to: time("02.200") }]],
    ["none where the latest succeeded", [at(1, "failed", 2), at(2, "succeeded", 3)], []],
    ["none where there was none", [], []],
  ])("%s", (_, history, spans) => {
    expect(brokenSpans(history)).toEqual(spans);
  });
});
