import { recover, startStopped } from "../recover";
import { setup } from "../setup/setup";
import { ensureStack, parseTarget, pulumi } from "../stack";

/** Sets up what is missing, then brings the stack to what the program says. */
export default async function up(args: readonly string[]): Promise<number> {
  const { target, rest } = parseTarget(args);
  await setup(["engine", "pulumi", "images"]);
  const { stopped, gone } = await recover(target);
  const refused = await startStopped(stopped);
  await ensureStack(target);
  // Pulumi previews first: what the program refuses is refused before anything is touched.
  return pulumi(target, ["up", "--stack", target.stack, "--yes", ...(gone || refused ? ["--refresh"] : []), ...rest]);
}
