import { Findings, HalfMade, recover, retainData, startStopped, takeBack } from "../recovery/recover";
import { ROTATIONS_KEY } from "../../components/core/rotation";
import { configuredRotations, fileOption } from "../rotation/configured";
import { overtaken } from "../rotation/secrets";
import { SetupError } from "../setup/shell";
import { Target, ensureStack, pulumi, pulumiOutput } from "../stack";
import { Deployment } from "./history";
import { beginDeployment } from "./record";

/**
 * Brings the stack to what the program says, after mending what an interrupted run or a lost node left behind, and notes it as a deployment.
 *
 * @param rest Options for Pulumi.
 * @param origin Deployment whose inputs the target is; no data volume is deleted then. @default an `up` of what is there
 * @throws {SetupError} where another run holds the stack.
 */
export async function deploy(target: Target, rest: readonly string[], origin?: Deployment): Promise<number> {
  const options = configOptions(rest);
  const findings = await recover(target, () => isAccepted(target, options));
  if (findings === undefined) return 1;
  await ensureStack(target);
  if (rest.some((option) => ["--preview-only", "--help", "-h"].includes(option))) return bringUp(target, rest, findings);
  // It is not left to Pulumi to refuse: the other run may end just then, and nothing would be looked at, retained or noted.
  if (findings.hold === "held")
    throw new SetupError(`Another run holds the stack ${target.stack}; wait for it to end, then run the same command again.`);
  await refuseOvertaken(target, findings, options);
  if (origin !== undefined) await retainData(target);
  const { end } = await beginDeployment(target, options, origin);
  let code = 1;
  try {
    code = await bringUp(target, rest, findings);
  } finally {
    const isPart = rest.some((option) => /^(-t|--(target|exclude)[\w-]*)(=|$)/.test(option));
    await end(code !== 0 ? "failed" : isPart ? "partial" : "succeeded");
  }
  return code;
}

/** @throws {SetupError} where the configuration is older than the last rotation of a secret: it would bring up one that nobody knows. */
async function refuseOvertaken(target: Target, { rotated }: Findings, options: readonly string[]): Promise<void> {
  if (rotated.length === 0) return;
  const late = overtaken(rotated, await configuredRotations(target, fileOption(options)));
  if (late.length === 0) return;
  const known = late.map(({ name, generations }) => `${name}: ${Math.max(...generations)}`).join(", ");
  throw new SetupError(
    `The configuration of the stack ${target.stack} is older than its secrets. Take over ${ROTATIONS_KEY} from whoever rotated them, as their ` +
      `configuration file has it, or write there what the state says (${known}). Nothing was brought up.`,
  );
}

async function bringUp(target: Target, rest: readonly string[], findings: Findings): Promise<number> {
  const { stopped, gone, lostData, undone, keptData } = findings;
  const anew = await startStopped(stopped);
  const run = (...options: string[]) => pulumi(target, ["up", "--stack", target.stack, "--yes", ...options, ...rest]);
  const { lost, again, unwanted } = await stillWanted(target, findings, configOptions(rest));
  if (keptData.length > 0) console.log(`Data that is there already and is taken up again: ${keptData.join(", ")}.`);
  await takeBack(unwanted);
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

/** Those of the options for Pulumi by which the program is another one. */
export function configOptions(rest: readonly string[]): readonly string[] {
  const valued = ["-c", "--config", "--config-file"];
  return rest.flatMap((option, index) =>
    valued.includes(option) ? rest.slice(index, index + 2) : /^(--config(-file)?=|--config-path$|-c.)/.test(option) ? [option] : [],
  );
}

/** Whether the program can be brought up at all; says why not. Pulumi asks the same before it changes anything, but after this has mended. */
async function isAccepted(target: Target, options: readonly string[]): Promise<boolean> {
  await ensureStack(target);
  try {
    await pulumiOutput(target, ["preview", "--stack", target.stack, "--non-interactive", "--suppress-progress", ...options]);
    return true;
  } catch (error) {
    console.error(error instanceof SetupError ? error.message : error);
    return false;
  }
}

interface StillWanted {
  /** Lost resources that the program still has. */
  readonly lost: readonly string[];
  /** Commands to run again that the program still has, and has as they are. */
  readonly again: readonly string[];
  /** Commands half made that it no longer has. */
  readonly unwanted: readonly HalfMade[];
}

/** What of the findings the program still says; where it is refused nothing, and `up` itself says why. */
async function stillWanted(target: Target, { gone, undone, halfMade }: Findings, options: readonly string[]): Promise<StillWanted> {
  if (gone.length + undone.length + halfMade.length === 0) return { lost: [], again: [], unwanted: [] };
  const preview = ["preview", "--json", "--refresh", "--stack", target.stack, "--non-interactive", ...options];
  const said = await pulumiOutput(target, preview).catch(() => undefined);
  if (said === undefined) return { lost: [], again: [], unwanted: [] };
  const { steps } = JSON.parse(said) as { steps: { op: string; urn: string }[] };
  const having = (pattern: RegExp) => new Set(steps.filter(({ op }) => pattern.test(op)).map(({ urn }) => urn));
  // What stays as it is has no step.
  const [made, deleted] = [having(/^(create|replace)/), having(/^delete/)];
  return {
    lost: gone.filter((urn) => made.has(urn)),
    again: undone.filter((urn) => !made.has(urn) && !deleted.has(urn)),
    unwanted: halfMade.filter(({ urn }) => !made.has(urn)),
  };
}
