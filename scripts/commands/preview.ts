import { look } from "../recovery/recover";
import { setup } from "../setup/setup";
import { ensureStack, parseTarget, pulumi } from "../stack";

/** Shows what `up` would do, and touches nothing. */
export default async function preview(args: readonly string[]): Promise<number> {
  const { target, rest } = parseTarget(args);
  await setup(["engine", "pulumi", "images"]);
  const { hold, stopped, gone, lostData, pending, keptData } = await look(target);
  if (hold === "cut") {
    console.log("The last run was killed while it wrote the state; `npm run up` mends that. There is nothing to compare the program with.");
    return 1;
  }
  if (pending.length > 0) console.log(`The last run was interrupted; \`npm run up\` takes it up again. ${pending.join(", ")}`);
  for (const volume of lostData)
    console.log(`The data volume ${volume} is gone, with all that was in it; \`npm run up\` makes it anew, empty.`);
  if (keptData.length > 0) console.log(`Data that is there already and is taken up again: ${keptData.join(", ")}.`);
  for (const { name } of stopped) console.log(`${name} is stopped; \`npm run up\` starts it.`);
  if (hold === "free") await ensureStack(target);
  return pulumi(target, ["preview", "--stack", target.stack, ...(gone.length > 0 ? ["--refresh"] : []), ...rest]);
}
