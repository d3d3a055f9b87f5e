import { recover, startStopped } from "../recovery/recover";
import { setup } from "../setup/setup";
import { Target, ensureStack, parseTarget, pulumi, pulumiOutput } from "../stack";

/** Sets up what is missing, then brings the stack to what the program says. */
export default async function up(args: readonly string[]): Promise<number> {
  const { target, rest } = parseTarget(args);
  await setup(["engine", "pulumi", "images"]);
  const { stopped, gone } = await recover(target);
  const refused = await startStopped(stopped);
  await ensureStack(target);
  // Pulumi previews first: what the program refuses is refused before anything is touched.
  const run = (...options: string[]) => pulumi(target, ["up", "--stack", target.stack, "--yes", ...options, ...rest]);
  const lost = await stillWanted(target, gone);
  // A cluster that lacks a node spares no other one, so what is gone is made again before anything is changed.
  if (lost.length > 0) {
    console.log("Making again what is gone, before anything else.");
    const code = await run("--refresh", ...lost.flatMap((urn) => ["--target", urn]));
    if (code !== 0) return code;
  }
  return run(...(gone.length > 0 || refused ? ["--refresh"] : []));
}

/** Those of the lost resources that the program would make again; where it is refused none, and `up` itself says why. */
async function stillWanted(target: Target, gone: readonly string[]): Promise<string[]> {
  if (gone.length === 0) return [];
  const preview = ["preview", "--json", "--refresh", "--stack", target.stack, "--non-interactive"];
  const { steps = [] } = JSON.parse(await pulumiOutput(target, preview).catch(() => "{}")) as { steps?: { op: string; urn: string }[] };
  const made = new Set(steps.filter(({ op }) => /^(create|replace)/.test(op)).map(({ urn }) => urn));
  return gone.filter((urn) => made.has(urn));
}
