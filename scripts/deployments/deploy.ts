import { ChangedByHand, changedByHand, putBack, whenAnswered } from "../drift/repair";
import { Findings, HalfMade, recover, retainData, startStopped, takeBack } from "../recovery/recover";
import { heldStack, holdingStack } from "../recovery/stack-hold";
import { ROTATIONS_KEY } from "../../components/core/rotation";
import { configuredRotations, fileOption } from "../rotation/configured";
import { overtaken } from "../rotation/secrets";
import { SetupError } from "../setup/shell";
import { Target, ensureStack, pulumi, pulumiOutput, takeOption } from "../stack";
import { nameOf } from "../state";
import { Deployment } from "./history";
import { beginDeployment } from "./record";

/**
 * Brings the stack to what the program says, after mending what an interrupted run, a lost node or somebody's hand left behind, and notes it as
 * a deployment.
 *
 * @param given Options for Pulumi, and `--accept-loss VOLUME` for each data volume that is gone and may be made anew, empty.
 * @param origin Deployment whose inputs the target is; no data volume is deleted then. @default an `up` of what is there
 * @throws {SetupError} where another run holds the stack, or a data volume is gone.
 */
export function deploy(target: Target, given: readonly string[], origin?: Deployment): Promise<number> {
  return holdingStack(target, () => deployHeld(target, given, origin));
}

async function deployHeld(target: Target, given: readonly string[], origin?: Deployment): Promise<number> {
  const { rest, accepted } = acceptedLosses(given);
  const options = configOptions(rest);
  const findings = await recover(target, () => isAccepted(target, options));
  if (findings === undefined) return 1;
  await ensureStack(target);
  if (rest.some((option) => ["--preview-only", "--help", "-h"].includes(option))) return pulumiUp(target, rest);
  // It is not left to Pulumi to refuse: the other run may end just then, and nothing would be looked at, retained or noted.
  if (findings.hold === "held") throw heldStack(target.stack);
  await refuseOvertaken(target, findings, options);
  refuseLostData(findings, accepted);
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

const ACCEPT = "--accept-loss";

/** Parts what Pulumi is given from the data volumes whose loss is accepted. */
export function acceptedLosses(given: readonly string[]): { rest: string[]; accepted: string[] } {
  const rest = [...given];
  const accepted: string[] = [];
  for (let volume = takeOption(rest, [ACCEPT]); volume !== undefined; volume = takeOption(rest, [ACCEPT])) accepted.push(volume);
  return { rest, accepted };
}

/** A volume that is made anew hides that its data is gone, and is in the way of whoever brings it back. */
function refuseLostData({ lostData }: Findings, accepted: readonly string[]): void {
  const there = accepted.filter((volume) => !lostData.includes(volume));
  if (there.length > 0) console.log(`${ACCEPT} ${there.join(", ")}: no data volume of that name is gone, so it changes nothing.`);
  const refused = lostData.filter((volume) => !accepted.includes(volume));
  if (refused.length === 0) return;
  const all = refused.length === 1 ? "it" : "them";
  const lines = [
    ...refused.map((volume) => `The data volume ${volume} is gone: DATA LOSS, unless it is brought back.`),
    `Nothing that runs was changed. Bring ${all} back under the same name, or have ${all} made anew, empty, by the same command with \`${refused.map((volume) => `${ACCEPT} ${volume}`).join(" ")}\` ` +
      "behind its `--`: a node of a cluster then gets its data from the others, where these have it.",
  ];
  throw new SetupError(lines.join("\n"));
}

/** Said of data volumes whose containers run on with what they have open: that is theirs to save before anything ends. */
function deletedDataRefusal(deleted: ChangedByHand["deleted"]): string {
  return [
    ...deleted.map(({ name, differs }) => `The data volume ${name} ${differs}.`),
    "Nothing was changed. Save what is still to be had, remove the container and then the volume with docker, " +
      `and have it made anew, empty, with \`${ACCEPT}\` and its name behind the \`--\` of the same command.`,
  ].join("\n");
}

function pulumiUp(target: Target, options: readonly string[]): Promise<number> {
  return pulumi(target, ["up", "--stack", target.stack, "--yes", ...options]);
}

async function bringUp(target: Target, rest: readonly string[], findings: Findings): Promise<number> {
  const { gone, undone, unfilled, keptData } = findings;
  const options = configOptions(rest);
  const run = (...more: string[]) => pulumiUp(target, [...more, ...rest]);
  const look = () => changedByHand(target, options);
  let changed = await look();
  if (changed.deleted.length > 0) throw new SetupError(deletedDataRefusal(changed.deleted));
  if (changed.networks.length > 0) {
    console.log(`Making again what nodes are connected to, before anything else: ${changed.networks.map(({ name }) => name).join(", ")}.`);
    const code = await run("--refresh", ...changed.networks.flatMap(({ urn }) => ["--target", urn]));
    if (code !== 0) return code;
    changed = await look();
  }
  const { unmendable } = changed;
  const started = await putBackAndStart(changed, findings, look);
  const { lost, again, unwanted } = await stillWanted(target, findings, options);
  if (keptData.length > 0) console.log(`Data that is there already, which a node that is made again takes up: ${keptData.join(", ")}.`);
  await takeBack(unwanted);
  for (const volume of findings.lostData)
    console.log(`The data volume ${volume} is gone, with all that was in it: it is made anew, empty.`);
  // A cluster that lacks a node spares no other one, so what is gone is made again before anything is changed.
  if (lost.length + again.length > 0) {
    console.log(`Making again what is gone, before anything else: ${[...lost, ...again].map(nameOf).join(", ")}.`);
    const code = await run("--refresh", ...lost.flatMap((urn) => ["--target", urn]), ...again.flatMap((urn) => ["--target-replace", urn]));
    if (code !== 0) return code;
  }
  await putBackTheRest(started.unanswered, gone.length > 0, look);
  for (const { name, differs } of unmendable) console.log(`${name} is made anew, since nothing else puts it back: ${differs}.`);
  const refresh = gone.length + undone.length > 0 || started.anew ? ["--refresh"] : [];
  const replaced = new Set([...unmendable.map(({ urn }) => urn), ...unfilled]);
  return run(...refresh, ...[...replaced].flatMap((urn) => ["--replace", urn]));
}

/**
 * Puts back what was changed by hand, and starts what was stopped in between: a container starts as it was made, and keys are asked of one.
 *
 * @returns Whether one has to be made anew to start, and what could not be asked.
 */
async function putBackAndStart(changed: ChangedByHand, { stopped, undone }: Findings, look: () => Promise<ChangedByHand>) {
  // A node that was leaving when its run was cut leaves to the end: it is not to be restarted meanwhile.
  const isHalfDone = (urn: string) => undone.some((command) => nameOf(command).startsWith(`${nameOf(urn)}-`));
  await putBack([...changed.settings.filter(({ urn }) => !isHalfDone(urn)), ...changed.configurations]);
  const anew = await startStopped(stopped);
  const now = stopped.length > 0 && changed.unanswered.length > 0 ? await whenAnswered(look) : changed;
  await putBack(now.keys);
  return { anew, unanswered: now.unanswered };
}

/** What could be asked only through nodes that were gone; what still cannot be asked is told, and stays as it is. */
async function putBackTheRest(unanswered: readonly string[], isWorthAsking: boolean, look: () => Promise<ChangedByHand>): Promise<void> {
  if (unanswered.length === 0) return;
  const now = isWorthAsking ? await whenAnswered(look) : undefined;
  await putBack([...(now?.configurations ?? []), ...(now?.keys ?? [])]);
  for (const each of now?.unanswered ?? unanswered) console.error(`${each} What was changed of them by hand stays as it is.`);
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
