import { ExecaError } from "execa";
import { recover, startStopped } from "../recovery/recover";
import { setup } from "../setup/setup";
import { Target, ensureStack, parseTarget, pulumi, pulumiOutput } from "../stack";

/** Sets up what is missing, then brings the stack to what the program says. */
export default async function up(args: readonly string[]): Promise<number> {
  const { target, rest } = parseTarget(args);
  await setup(["engine", "pulumi", "images"]);
  const findings = await recover(target, () => isAccepted(target));
  if (findings === undefined) return 1;
  const { stopped, gone, lostData, undone } = findings;
  const anew = await startStopped(stopped);
  await ensureStack(target);
  const run = (...options: string[]) => pulumi(target, ["up", "--stack", target.stack, "--yes", ...options, ...rest]);
  const { lost, again } = await stillWanted(target, gone, undone);
  for (const volume of lostData) console.log(`The data volume ${volume} is gone, with all that was in it: it is made anew, empty.`);
  // A cluster that lacks a node spares no other one, so what is gone is made again before anything is changed.
  if (lost.length + again.length > 0) {
    console.log(`Making again what is gone, before anything else: ${[...lost, ...again].map((urn) => urn.split("::").pop()).join(", ")}.`);
    const options = [...lost.flatMap((urn) => ["--target", urn]), ...again.flatMap((urn) => ["--target-replace", urn])];
    const code = await run("--refresh", ...options);
    if (code !== 0) return code;
  }
  return run(...(gone.length + undone.length > 0 || anew ? ["--refresh"] : []));
}

/** Whether the program can be brought up at all; says why not. Pulumi asks the same before it changes anything, but after this has mended. */
async function isAccepted(target: Target): Promise<boolean> {
  await ensureStack(target);
  try {
    await pulumiOutput(target, ["preview", "--stack", target.stack, "--non-interactive", "--suppress-progress"]);
    return true;
  } catch (error) {
    console.error(error instanceof ExecaError ? `${String(error.stdout)}\n${String(error.stderr)}`.trim() : error);
    return false;
  }
}

/** Those of the lost and the undone resources that the program still has; where it is refused none, and `up` itself says why. */
async function stillWanted(
  target: Target,
  gone: readonly string[],
  undone: readonly string[],
): Promise<{ lost: string[]; again: string[] }> {
  if (gone.length + undone.length === 0) return { lost: [], again: [] };
  const preview = ["preview", "--json", "--refresh", "--stack", target.stack, "--non-interactive"];
  const said = await pulumiOutput(target, preview).catch(() => undefined);
  if (said === undefined) return { lost: [], again: [] };
  const { steps } = JSON.parse(said) as { steps: { op: string; urn: string }[] };
  const having = (pattern: RegExp) => new Set(steps.filter(({ op }) => pattern.test(op)).map(({ urn }) => urn));
  // What stays as it is has no step.
  const [made, deleted] = [having(/^(create|replace)/), having(/^delete/)];
  return { lost: gone.filter((urn) => made.has(urn)), again: undone.filter((urn) => !made.has(urn) && !deleted.has(urn)) };
}
