import { describe, expect, it } from "vitest";
import { chosenDeployment, earlierDeployment, renderHistory } from "../../../scripts/deployments/choose";
import { Deployment } from "../../../scripts/deployments/history";
import { deployed } from "./deployed";

/** Deployments with a letter for their inputs: `b` succeeded, `B` did not, `b2` went back to deployment 2. */
function history(...marks: string[]): Deployment[] {
  return marks.map((mark, index) => {
    const [letter = "", to] = mark;
    const succeeded = letter === letter.toLowerCase();
    return deployed(index + 1, {
      configuration: letter.toLowerCase(),
      result: succeeded ? "succeeded" : "failed",
      ...(to !== undefined && { rollbackTo: Number(to) }),
    });
  });
}

describe("the deployment that a rollback goes to", () => {
  it.each([
    ["the last one that succeeded where the latest failed", ["a", "b", "C"], 2],
    ["it also where several failed", ["a", "b", "C", "D"], 2],
    ["the one before where the latest succeeded", ["a", "b"], 1],
    ["the last one with other inputs where the latest was repeated", ["a", "b", "b", "b"], 1],
    ["the last one that succeeded before, not one that failed", ["a", "B", "c"], 1],
    ["further back the second time, and not forward to what was taken back", ["a", "b", "c", "b2"], 1],
    ["further back also where what was taken back had failed", ["a", "b", "C", "b2"], 1],
    ["the same one where the rollback failed", ["a", "b", "c", "B2"], 2],
    ["the last good one where the rollback led to a bad one", ["a", "B", "B2"], 1],
    ["what the rollback brought up where a later up failed", ["a", "b", "c", "b2", "D"], 4],
  ])("is %s", (_, marks, number) => {
    expect(earlierDeployment(history(...marks)).number).toBe(number);
  });

  it("is after one that was killed, or was meant for a part, the last whole one", () => {
    expect(earlierDeployment([deployed(1), deployed(2, { configuration: "b", result: undefined })]).number).toBe(1);
    expect(earlierDeployment([deployed(1), deployed(2, { configuration: "b", result: "partial" })]).number).toBe(1);
  });

  it.each([
    ["the latest, which is no longer what runs", ["a", "b"], 2],
    ["the last one that succeeded where the latest failed", ["a", "b", "C"], 2],
    ["the latest also where it was a rollback", ["a", "b", "a1"], 3],
  ])("is %s, where the stack was changed since", (_, marks, number) => {
    expect(earlierDeployment(history(...marks), true).number).toBe(number);
  });

  it.each([
    ["nothing was brought up", [], "`npm run up` notes each, and has not run on this stack"],
    ["nothing succeeded", ["A", "B"], "none of the 2 that are known has succeeded"],
    ["there is but one", ["a"], "There is no deployment before deployment 1"],
    ["all brought up the same", ["a", "a"], "There is no deployment before deployment 2"],
    ["it was gone all the way back", ["a", "b", "a1"], "There is no deployment before deployment 3"],
  ])("is none where %s", (_, marks, said) => {
    expect(() => earlierDeployment(history(...marks))).toThrow(said);
  });

  it("is the one that is asked for", () => {
    expect(chosenDeployment(history("a", "B", "c"), "2").number).toBe(2);
    for (const asked of ["4", "0", "-1", "two", "02"])
      expect(() => chosenDeployment(history("a", "B", "c"), asked)).toThrow(
        `--to ${asked}: there is no such deployment; there are 1, 2, 3.`,
      );
    expect(() => chosenDeployment([], "1")).toThrow("none is known of this stack");
  });
});

describe("the list of deployments", () => {
  it("has the latest first, with its revision and what became of it", () => {
    const tree = { tree: "t", folder: ".", ref: "refs/x" };
    const [a, b] = ["a".repeat(40), "b".repeat(40)];
    expect(
      renderHistory([
        deployed(9, { program: { ...tree, revision: a, commit: a } }),
        deployed(10, { program: { ...tree, revision: a, commit: b }, result: "failed" }),
        deployed(11, { program: { ...tree, commit: b }, result: undefined }),
        deployed(12, { rollbackTo: 9 }),
      ]),
    ).toBe(
      [
        "number  began (UTC)          revision                   result",
        "12      2026-01-01 12:00:12  configuration only         succeeded  rollback to 9, current",
        "11      2026-01-01 12:00:11  before the first revision  not ended",
        "10      2026-01-01 12:00:10  aaaaaaa with changes       failed",
        "9       2026-01-01 12:00:09  aaaaaaa                    succeeded",
      ].join("\n"),
    );
    expect(renderHistory([deployed(1, { result: "failed" })])).toMatch(/failed {2}current in part$/);
    expect(renderHistory([deployed(1)], true)).toMatch(/succeeded {2}changed since$/);
  });
});
