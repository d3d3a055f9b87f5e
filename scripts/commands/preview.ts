import { setup } from "../setup/setup";
import { ensureStack, parseTarget, pulumi } from "../stack";

/** Shows what `up` would do, and touches nothing. */
export default async function preview(args: readonly string[]): Promise<number> {
  const { target, rest } = parseTarget(args);
  await setup(["engine", "pulumi", "images"]);
  await ensureStack(target);
  return pulumi(target, ["preview", "--stack", target.stack, ...rest]);
}
