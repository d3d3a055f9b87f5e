import { SetupError } from "../setup/shell";
import { renderColumns } from "../columns";
import { Deployment, isSame } from "./history";

/**
 * The deployment that a rollback goes to when nobody says which.
 *
 * After one that did not succeed it is the last one that did. After one that succeeded it is the last one before the inputs that run now, so
 * that a second rollback goes further back, and not forward again to what was taken back. A rollback that was cut is gone on with.
 *
 * @param isChanged Whether the stack was changed since the latest one ended, which is then no longer what runs: it is the one to go to, if it succeeded.
 * @throws {SetupError} where there is none.
 */
export function earlierDeployment(history: readonly Deployment[], isChanged = false): Deployment {
  const latest = history.at(-1);
  if (latest === undefined)
    throw new SetupError("There is no deployment to go back to: `npm run up` notes each, and has not run on this stack.");
  if (latest.result === "succeeded" && isChanged) return latest;
  if (latest.result !== "succeeded") {
    const good = history.filter(({ result }) => result === "succeeded");
    const earlier = good.find(({ number }) => number === latest.rollbackTo) ?? good.at(-1);
    if (earlier !== undefined) return earlier;
    throw new SetupError(
      `There is no deployment to go back to: none of the ${history.length} that are known has succeeded. ` +
        "Mend the program and run `npm run up`, or choose one with --to; `npm run rollback -- --list` shows them.",
    );
  }
  const origin = latest.rollbackTo ?? latest.number;
  const earlier = history.findLast((each) => each.number < origin && each.result === "succeeded" && !isSame(each, latest));
  if (earlier !== undefined) return earlier;
  throw new SetupError(
    `There is no deployment before deployment ${latest.number} that succeeded and brought up anything else. ` +
      "`npm run rollback -- --list` shows all that are known; --to takes any of them.",
  );
}

/** The deployment that was asked for. @throws {SetupError} where none has that number. */
export function chosenDeployment(history: readonly Deployment[], asked: string): Deployment {
  const chosen = history.find(({ number }) => String(number) === asked);
  if (chosen !== undefined) return chosen;
  const numbers = history.map(({ number }) => number).join(", ");
  throw new SetupError(
    `--to ${asked}: there is no such deployment; ${numbers === "" ? "none is known of this stack" : `there are ${numbers}`}. ` +
      "`npm run rollback -- --list` shows them.",
  );
}

/** Number of the deployment whose inputs a deployment brought up first. */
export function originOf({ number, rollbackTo = number }: Deployment): number {
  return rollbackTo;
}

/** `3f2a9c1`, `3f2a9c1 with changes`, or what stands in its place. */
export function revisionOf({ program }: Pick<Deployment, "program">): string {
  if (program === undefined) return "configuration only";
  if (program.revision === undefined) return "before the first revision";
  return `${program.revision.slice(0, 7)}${program.commit === program.revision ? "" : " with changes"}`;
}

/**
 * One line for each deployment, the latest first.
 *
 * @param isChanged Whether the stack was changed since the latest one ended.
 */
export function renderHistory(history: readonly Deployment[], isChanged = false): string {
  const rows = history.map((deployment, index): readonly string[] => {
    const { number, began, result = "not ended", rollbackTo } = deployment;
    const current = isChanged ? "changed since" : result === "succeeded" ? "current" : "current in part";
    const said = [...(rollbackTo === undefined ? [] : [`rollback to ${rollbackTo}`]), ...(index === history.length - 1 ? [current] : [])];
    return [String(number), began.slice(0, 19).replace("T", " "), revisionOf(deployment), result, said.join(", ")];
  });
  return renderColumns([["number", "began (UTC)", "revision", "result", ""], ...rows.reverse()]);
}
