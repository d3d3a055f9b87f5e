import { showChanges } from "../deployments/preview";
import { setup } from "../setup/setup";
import { parseTarget } from "../stack";

/** Shows what `up` would do, and touches nothing. */
export default async function preview(args: readonly string[]): Promise<number> {
  const { target, rest } = parseTarget(args);
  await setup(["engine", "pulumi", "images"]);
  const code = await showChanges(target, rest);
  if (code !== undefined) return code;
  console.log("The last run was killed while it wrote the state; `npm run up` mends that. There is nothing to compare the program with.");
  return 1;
}
