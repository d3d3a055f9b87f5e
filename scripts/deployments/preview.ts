import { look } from "../recovery/recover";
import { Target, ensureStack, pulumi } from "../stack";

/**
 * Shows what bringing the stack up would do, and touches nothing.
 *
 * @param rest Options for Pulumi.
 * @returns Pulumi's exit code; undefined where the last run was killed while it wrote the state, so that there is nothing to compare with.
 */
export async function showChanges(target: Target, rest: readonly string[]): Promise<number | undefined> {
  const { hold, stopped, gone, lostData, pending, keptData } = await look(target);
  if (hold === "cut") return undefined;
  if (pending.length > 0) console.log(`The last run was interrupted; \`npm run up\` takes it up again. ${pending.join(", ")}`);
  for (const volume of lostData)
    console.log(`The data volume ${volume} is gone, with all that was in it; \`npm run up\` makes it anew, empty.`);
  if (keptData.length > 0) console.log(`Data that is there already and is taken up again: ${keptData.join(", ")}.`);
  for (const { name } of stopped) console.log(`${name} is stopped; \`npm run up\` starts it.`);
  if (hold === "free") await ensureStack(target);
  return pulumi(target, ["preview", "--stack", target.stack, ...(gone.length > 0 ? ["--refresh"] : []), ...rest]);
}
