import { look } from "../recovery/recover";
import { setup } from "../setup/setup";
import { ensureStack, parseTarget, pulumi } from "../stack";

/** Shows what `up` would do, and touches nothing. */
export default async function preview(args: readonly string[]): Promise<number> {
  const { target, rest } = parseTarget(args);
  await setup(["engine", "pulumi", "images"]);
  const { hold, stopped, gone, lostData, pending } = await look(target);
  if (hold === "cut" || pending.length > 0)
    console.log(`The last run was interrupted; \`npm run up\` takes it up again. ${pending.join(", ")}`);
  for (const volume of lostData)
    console.log(`The data volume ${volume} is gone, with all that was in it; \`npm run up\` makes it anew, empty.`);
  for (const { name } of stopped) console.log(`${name} is stopped; \`npm run up\` starts it.`);
  if (hold === "free") await ensureStack(target);
  return pulumi(target, ["preview", "--stack", target.stack, ...(gone.length > 0 ? ["--refresh"] : []), ...rest]);
}
