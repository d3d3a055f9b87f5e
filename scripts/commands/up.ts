import { recover } from "../recover";
import { setup } from "../setup/setup";
import { parseTarget, pulumi } from "../stack";

/** Sets up what is missing, then brings the stack to what the program says. */
export default async function up(args: readonly string[]): Promise<number> {
  const { target, rest } = parseTarget(args);
  await setup(["engine", "pulumi", "images"]);
  await recover(target);
  return pulumi(target, ["up", "--stack", target.stack, "--yes", "--skip-preview", ...rest]);
}
