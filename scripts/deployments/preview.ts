import { Difference } from "../drift/difference";
import { findDrift } from "../drift/drift";
import { holdOf } from "../recovery/local-state";
import { look } from "../recovery/recover";
import { Target, ensureStack, pulumi } from "../stack";

/**
 * Shows what bringing the stack up would do, and touches nothing.
 *
 * @param rest Options for Pulumi.
 * @returns Pulumi's exit code; undefined where the last run was killed while it wrote the state, so that there is nothing to compare with.
 */
export async function showChanges(target: Target, rest: readonly string[]): Promise<number | undefined> {
  const [{ hold, stopped, gone, lostData, unfilled, pending, keptData }, changed] = await Promise.all([
    look(target),
    changedSettings(target),
  ]);
  if (hold === "cut") return undefined;
  if (pending.length > 0) console.log(`The last run was interrupted; \`npm run up\` takes it up again. ${pending.join(", ")}`);
  for (const volume of lostData)
    console.log(`The data volume ${volume} is gone, with all that was in it; \`npm run up\` refuses that until its loss is accepted.`);
  if (keptData.length > 0) console.log(`Data that is there already and is taken up again: ${keptData.join(", ")}.`);
  for (const { name } of stopped) console.log(`${name} is stopped; \`npm run up\` starts it.`);
  for (const { kind, name, differs } of changed)
    console.log(`The ${kind} ${name}: ${differs}; \`npm run up\` ${kind === "volume" ? "refuses that" : "puts it back"}.`);
  if (hold === "free") await ensureStack(target);
  const options = [...(gone.length > 0 ? ["--refresh"] : []), ...unfilled.flatMap((urn) => ["--replace", urn])];
  return pulumi(target, ["preview", "--stack", target.stack, ...options, ...rest]);
}

/** What was changed by hand, beside what is stopped or gone, which a look tells; nothing where it cannot be told. */
async function changedSettings(target: Target): Promise<readonly Difference[]> {
  if ((await holdOf(target)) !== "free") return [];
  // A stack that is not there yet has nothing to compare, and an engine that does not answer is told by the look.
  const drift = await findDrift(target).catch(() => undefined);
  return (
    drift?.differences.filter((each) => drift.deleted.includes(each) || ["settings", "configuration", "key"].includes(each.kind)) ?? []
  );
}
