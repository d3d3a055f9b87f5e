import { Span, brokenSpans, historyFolder, readHistory } from "../deployments/history";
import { GeneratedSecret, secretsIn } from "../rotation/secrets";
import { SetupError, lastWords, run } from "../setup/shell";
import { Docker, Target, dockyardLabel, exportedStack, pulumiOutput, stackHosts } from "../stack";
import { COMMAND, CONTAINER, NETWORK, PendingOperation, StateResource, VOLUME, filledBy, isDataVolume, nameOf } from "../state";
import { Found, findOnEngines } from "./engines";
import { lateFoundings } from "./foundings";
import { CutRun, Hold, holdOf, releaseHold } from "./local-state";
import { endStrays } from "./strays";

/** The parts of an exported stack that recovery looks at. */
interface Checkpoint {
  deployment?: { resources?: StateResource[]; pending_operations?: PendingOperation[] };
}

/** A stack as its state and the engines of its hosts have it. */
export interface Findings {
  readonly hold: Hold;

  /** How the engines of the stack's hosts are reached. */
  readonly hosts: readonly Docker[];

  /** Nodes that the state knows and that do not run. */
  readonly stopped: readonly Found[];

  /** What the state knows and no engine has any more, and what was made for it; by URN. */
  readonly gone: readonly string[];

  /** Data volumes among them, by name. */
  readonly lostData: readonly string[];

  /**
   * Commands to run again though nothing about them changes: they filled a volume that is gone, their deletion was cut, or they let a cluster
   * begin that never did, too long ago for it to begin any more; by URN.
   */
  readonly undone: readonly string[];

  /** Commands that filled a volume which is gone and not in the state any more, where a refresh took it out; by URN. */
  readonly unfilled: readonly string[];

  /** What an interrupted run was making when it ended; by name. */
  readonly pending: readonly string[];

  /** Commands whose creation was cut and whose deletion takes back what they had done by then. */
  readonly halfMade: readonly HalfMade[];

  /** Secrets that have been rotated, as the state has them. */
  readonly rotated: readonly GeneratedSecret[];

  /** What interrupted runs made and did not record: it is removed, to be made again where the program has it. */
  readonly leftovers: readonly Found[];

  /** Data volumes of the stack that its state does not know: `down` kept them, or another state has them. By name. */
  readonly keptData: readonly string[];
}

export interface HalfMade {
  readonly urn: string;
  readonly deletion: string;
}

/**
 * Looks what an interrupted run left behind and what was stopped or removed by hand, and changes nothing.
 *
 * While another run holds the stack, and where its state was cut, nothing can be told.
 */
export async function look(target: Target): Promise<Findings> {
  const hold = await holdOf(target);
  return hold === "free"
    ? surveyedFindings(target, hold, await survey(target), undefined)
    : {
        hold,
        hosts: [["docker"]],
        stopped: [],
        gone: [],
        lostData: [],
        undone: [],
        unfilled: [],
        pending: [],
        halfMade: [],
        rotated: [],
        leftovers: [],
        keptData: [],
      };
}

function surveyedFindings(target: Target, hold: Hold, surveyed: Survey, cut: CutRun | undefined): Findings {
  return findingsOf(hold, surveyed, unrecorded(target, surveyed, cut, failedRuns(target)));
}

/**
 * Clears away what an interrupted run left behind, so that the next one ends as if nothing had happened.
 *
 * A lock whose process is dead is lifted. A container or network that the interrupted run was making, and that never came into the state, is
 * removed to be made again; what else the state does not know is not ours to remove. Operations that were under way are forgotten. No volume
 * is ever touched: data is found again by its name. While another run holds the stack nothing is done: Pulumi will refuse.
 *
 * @param agree Asked before anything on an engine is touched, and only where something would be; false leaves all as it is.
 * @returns undefined where `agree` said no.
 * @throws {SetupError} when the engine runs nodes of this stack and the state in use knows nothing of the stack at all.
 */
export async function recover(target: Target, agree: () => Promise<boolean> = () => Promise.resolve(true)): Promise<Findings | undefined> {
  const hold = await holdOf(target);
  if (hold === "held") return look(target);
  const cut = releaseHold(target);
  const surveyed = await survey(target);
  const findings = surveyedFindings(target, hold, surveyed, cut);
  const { leftovers, stopped, gone, undone, pending } = findings;
  if ([leftovers, stopped, gone, undone, pending].some(({ length }) => length > 0) && !(await agree())) return undefined;
  await endStrays(target, surveyed.found, [...leftovers, ...stopped]);
  for (const { docker, kind, id, name } of leftovers) {
    console.log(`Removing the ${kind} ${name}, which an interrupted run had made but not recorded.`);
    await run(kind === "container" ? [...docker, "rm", "--force", id] : [...docker, "network", "rm", id]);
  }
  if (surveyed.pending.length > 0) await forgetPending(target, surveyed.checkpoint);
  return findings;
}

/** What the state says beside what the engines have. */
interface Survey {
  readonly checkpoint: Checkpoint;
  readonly resources: readonly StateResource[];
  readonly pending: readonly PendingOperation[];
  readonly hosts: readonly Docker[];
  readonly found: readonly Found[];
}

async function survey(target: Target): Promise<Survey> {
  const checkpoint = JSON.parse((await exportedStack(target)) ?? "{}") as Checkpoint;
  const { resources: all = [], pending_operations: pending = [] } = checkpoint.deployment ?? {};
  // What a program has beside our components is asked for by no label, and is Pulumi's alone.
  const resources = all.filter(({ type, inputs }) => !(type in KINDS) || isOwned(target, inputs));
  const hosts = stackHosts(all);
  return { checkpoint, resources, pending, hosts: hosts.map(({ docker }) => docker), found: await findOnEngines(target, hosts) };
}

function isOwned({ label }: Target, inputs: StateResource["inputs"]): boolean {
  return dockyardLabel(inputs, "stack") === label;
}

function findingsOf(hold: Hold, { resources, pending, hosts, found }: Survey, leftovers: readonly Found[]): Findings {
  const recorded = new Set(resources.map(({ id }) => id));
  const present = new Set(found.map(({ id }) => id));
  const lost = resources.filter(({ type, id }) => id !== undefined && type in KINDS && !present.has(id));
  const lostUrns = new Set(lost.map(({ urn }) => urn));
  // What uses a lost node's outputs, its gate and its registration, was made for that very container.
  const madeFor = resources.filter(({ propertyDependencies = {} }) =>
    Object.values(propertyDependencies).some((used) => used?.some((urn) => lostUrns.has(urn))),
  );
  const lostVolumes = new Set(lost.filter(({ type }) => KINDS[type] === "volume").map(({ urn }) => urn));
  const fillers = resources.filter(({ type, dependencies = [] }) => type === COMMAND && dependencies.some((urn) => lostVolumes.has(urn)));
  return {
    hold,
    hosts,
    stopped: found.filter(({ kind, id, state }) => kind === "container" && recorded.has(id) && state !== "running"),
    gone: [...lostUrns, ...madeFor.map(({ urn }) => urn)],
    lostData: lost.filter((each) => isDataVolume(each, resources)).map(({ id = "" }) => id),
    undone: [
      ...fillers.map(({ urn }) => urn),
      ...pending.filter(isHalfDone).map(({ resource }) => resource.urn),
      ...lateFoundings(resources, Date.now()),
    ],
    unfilled: resources.filter((each) => isUnfilled(each, present) && !fillers.includes(each)).map(({ urn }) => urn),
    pending: pending.map(({ resource }) => nameOf(resource.urn)),
    halfMade: pending.flatMap(({ type, resource: { urn, type: kind, inputs } }) =>
      type === "creating" && kind === COMMAND && typeof inputs?.delete === "string" ? [{ urn, deletion: inputs.delete }] : [],
    ),
    rotated: secretsIn(resources).filter(({ generations }) => Math.max(...generations) > 0),
    leftovers,
    keptData: found
      .filter(({ kind, owned, id }) => kind === "volume" && owned && id.endsWith("-data") && !recorded.has(id))
      .map(({ name }) => name),
  };
}

/** Whether a command filled a volume that no engine has. */
function isUnfilled(command: StateResource, present: ReadonlySet<string>): boolean {
  const volume = filledBy(command);
  return volume !== undefined && !present.has(volume);
}

/**
 * Whether a command was cut that has to be run again though nothing about it may change any more.
 *
 * An update had done some of what is no longer wanted, where the program was taken back. Of a registration a deletion had taken away some,
 * which its creation brings back. A membership was leaving, and has no creation: made again it leaves to the end, and its node is then made
 * anew and joins as a new one.
 */
function isHalfDone({ type, resource }: PendingOperation): boolean {
  return resource.type === COMMAND && (type === "updating" || (type === "deleting" && resource.inputs?.delete !== undefined));
}

const KINDS: Readonly<Record<string, Found["kind"]>> = {
  [CONTAINER]: "container",
  [NETWORK]: "network",
  // Its id is its name.
  [VOLUME]: "volume",
};

/**
 * What the engines have of the stack, the state does not know, and an interrupted run made; what else the state does not know is told and left.
 *
 * The step that a cut state has lost is one of which nothing says that it was under way: what the engine made since the run began is its own.
 * Neither does anything where the engine made it and was killed before it could say so: then Pulumi has noted a failure, of nothing.
 *
 * @param failed When the runs were that did not succeed.
 */
function unrecorded(target: Target, { found, resources, pending }: Survey, cut: CutRun | undefined, failed: readonly Span[]): Found[] {
  const recorded = new Set(resources.map(({ id }) => id));
  const knowsStack = resources.some(({ type }) => type in KINDS);
  const inTheMaking = new Set(pending.map(({ resource }) => `${target.label}-${nameOf(resource.urn)}`));
  const ofTheCutRun = ({ created = 0 }: Found) => cut !== undefined && (cut.began === undefined ? knowsStack : created >= cut.began);
  const ofAFailedRun = ({ name, created = 0 }: Found) =>
    name.startsWith(`${target.label}-`) && failed.some(({ from, to }) => created >= from && created <= to);
  const unknown = found.filter(({ kind, id }) => kind !== "volume" && !recorded.has(id));
  const leftovers = unknown.filter((each) => inTheMaking.has(each.name) || ofTheCutRun(each) || ofAFailedRun(each));
  const strangers = unknown.filter((each) => !leftovers.includes(each));
  if (strangers.length > 0 && !knowsStack) {
    throw new SetupError(
      `${strangers.map(({ name }) => name).join(", ")} belong to a stack ${target.stack} whose state is somewhere else: another checkout, another backend, or a deleted .state/. ` +
        "Use that state, choose another stack with --stack, or remove them yourself if they are not needed; their data volumes can stay.",
    );
  }
  for (const { kind, name } of strangers)
    console.log(`The ${kind} ${name} has the stack's labels, but the program did not make it: left alone.`);
  return leftovers;
}

/** When the runs were that did not succeed; where a note of one cannot be read that is told, and nothing is taken for theirs. */
function failedRuns(target: Target): Span[] {
  try {
    return brokenSpans(readHistory(historyFolder(target)));
  } catch (error) {
    console.error(`Nothing is taken for what a failed run has left, since the deployments' notes cannot be read: ${lastWords(error)}`);
    return [];
  }
}

async function forgetPending(target: Target, checkpoint: Checkpoint): Promise<void> {
  const { pending_operations: pending = [], ...deployment } = checkpoint.deployment ?? {};
  console.log(`The last run was interrupted; taking up again: ${pending.map(({ resource }) => nameOf(resource.urn)).join(", ")}.`);
  await pulumiOutput(target, ["stack", "import", "--stack", target.stack], JSON.stringify({ ...checkpoint, deployment }));
}

/** Takes back what commands had done whose creation was cut, and which are not made after all. */
export async function takeBack(halfMade: readonly HalfMade[], env: Record<string, string> = {}): Promise<void> {
  for (const { urn, deletion } of halfMade) {
    console.log(`Taking back ${nameOf(urn)}, which an interrupted run had begun to make.`);
    await run(["sh", "-c", deletion], { env });
  }
}

/** Has every data volume outlive its resource, also those that `allowDataLoss` names. */
export async function retainData(target: Target): Promise<void> {
  const checkpoint = JSON.parse((await exportedStack(target)) ?? "{}") as Checkpoint;
  const { resources = [] } = checkpoint.deployment ?? {};
  const isLosable = ({ type, id = "", inputs, retainOnDelete }: StateResource) =>
    KINDS[type] === "volume" && id.endsWith("-data") && isOwned(target, inputs) && retainOnDelete !== true;
  if (!resources.some(isLosable)) return;
  const kept = resources.map((resource) => (isLosable(resource) ? { ...resource, retainOnDelete: true } : resource));
  const deployment = { ...checkpoint.deployment, resources: kept };
  await pulumiOutput(target, ["stack", "import", "--stack", target.stack], JSON.stringify({ ...checkpoint, deployment }));
}

/**
 * Starts nodes that were stopped, killed or paused by hand: the program says that they run.
 *
 * @returns Whether one could not be started, or is not to be restarted because it has left its cluster: a look at the engine shows that to
 *   Pulumi, which makes it anew where the program says so by now. Started as it is it would join with what it had.
 */
export async function startStopped(stopped: readonly Found[]): Promise<boolean> {
  let anew = false;
  for (const { docker, id, name, state } of stopped) {
    if (state === "paused") {
      console.log(`Going on with ${name}, which had been paused.`);
      await run([...docker, "unpause", id]);
      continue;
    }
    if ((await run([...docker, "inspect", "--format", "{{.HostConfig.RestartPolicy.Name}}", id])) === "no") {
      anew = true;
      continue;
    }
    console.log(`Starting ${name}, which had been stopped.`);
    try {
      await run([...docker, "start", id]);
    } catch (error) {
      console.log(`${name} does not start, so it is made anew: ${lastWords(error)}`);
      // As long as it is there it is only told to run, and that is what it does not.
      await run([...docker, "rm", "--force", id]);
      anew = true;
    }
  }
  return anew;
}
