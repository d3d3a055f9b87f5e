import { Difference, isMadeAnew } from "../drift/difference";
import { NoStackError, findDrift } from "../drift/drift";
import { holdOf } from "../recovery/local-state";
import { look } from "../recovery/recover";
import { lastWords } from "../setup/shell";
import { Target, ensureStack, pulumi } from "../stack";
import { nameOf } from "../state";

/**
 * Shows what bringing the stack up would do, and touches nothing.
 *
 * @param rest Options for Pulumi.
 * @returns Pulumi's exit code; undefined where the last run was killed while it wrote the state, so that there is nothing to compare with.
 */
export async function showChanges(target: Target, rest: readonly string[]): Promise<number | undefined> {
  const [{ hold, stopped, gone, lostData, undone, unfilled, pending, leftovers, keptData }, changed] = await Promise.all([
    look(target),
    changedSettings(target),
  ]);
  if (hold === "cut") return undefined;
  if (pending.length > 0) console.log(`The last run was interrupted; \`npm run up\` takes it up again. ${pending.join(", ")}`);
  for (const { kind, name } of leftovers)
    console.log(`The ${kind} ${name}, which an interrupted run had made but not recorded: \`npm run up\` removes it.`);
  const again = undone.map(nameOf).filter((name) => !pending.includes(name));
  if (again.length > 0) console.log(`\`npm run up\` does again what was undone or never came to its end: ${again.join(", ")}.`);
  for (const volume of lostData)
    console.log(`The data volume ${volume} is gone, with all that was in it; \`npm run up\` refuses that until its loss is accepted.`);
  if (keptData.length > 0) console.log(`Data that is there already, which a node that is made again takes up: ${keptData.join(", ")}.`);
  for (const { name } of stopped) console.log(`${name} is stopped; \`npm run up\` starts it.`);
  for (const each of changed) console.log(`The ${each.kind} ${each.name}: ${each.differs}; \`npm run up\` ${fateOf(each)}.`);
  if (hold === "free") await ensureStack(target);
  const options = [
    ...(gone.length > 0 ? ["--refresh"] : []),
    ...[...unfilled, ...changed.filter(isMadeAnew).map(({ urn }) => urn)].flatMap((urn) => ["--replace", urn]),
  ];
  return pulumi(target, ["preview", "--stack", target.stack, ...options, ...rest]);
}

/** What an `up` does with a difference. */
function fateOf(difference: Difference): string {
  if (difference.kind === "volume") return "refuses that";
  return isMadeAnew(difference) ? "makes it anew, since nothing else puts it back" : "puts it back";
}

/** What was changed by hand, beside what is stopped or gone, which a look tells; what cannot be told is said. */
async function changedSettings(target: Target): Promise<readonly Difference[]> {
  if ((await holdOf(target)) !== "free") return [];
  try {
    const { differences, deleted, unanswered } = await findDrift(target);
    for (const each of unanswered) console.error(each);
    return differences.filter((each) => deleted.includes(each) || ["settings", "configuration", "key"].includes(each.kind));
  } catch (error) {
    if (!(error instanceof NoStackError)) console.error(`What was changed by hand cannot be told: ${lastWords(error)}`);
    return [];
  }
}
