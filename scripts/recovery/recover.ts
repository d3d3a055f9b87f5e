import { SetupError, lastWords, run } from "../setup/shell";
import { Docker, StackHost, Target, exportedStack, pulumiOutput, stackHosts } from "../stack";
import { CutRun, Hold, holdOf, releaseHold } from "./local-state";

interface Resource {
  readonly urn: string;
  readonly type: string;
  readonly id?: string;
  readonly inputs?: Record<string, unknown>;
  /** URN and id of the provider that made it, `urn::…::host-a::id`. */
  readonly provider?: string;
  readonly dependencies?: readonly string[];
  /** Whether it stays on its engine when it leaves the program, as data volumes do. */
  readonly retainOnDelete?: boolean;
  /** URNs of the resources whose outputs each input uses. */
  readonly propertyDependencies?: Readonly<Record<string, readonly string[] | null>>;
}

/** The parts of an exported stack that recovery looks at. */
interface Checkpoint {
  deployment?: { resources?: Resource[]; pending_operations?: PendingOperation[] };
}

interface PendingOperation {
  /** `creating`, `deleting`, … */
  readonly type: string;
  readonly resource: Resource;
}

/** A container, network or volume of the stack, as its engine tells it. */
interface Found {
  readonly docker: Docker;
  readonly kind: "container" | "network" | "volume";
  readonly id: string;
  readonly name: string;
  readonly running: boolean;
  /** When the engine made it, in ms since 1970, to the second; undefined of a volume. */
  readonly created: number | undefined;
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

  /** Commands to run again though nothing about them changes: they filled a volume that is gone, or their deletion was cut; by URN. */
  readonly undone: readonly string[];

  /** What an interrupted run was making when it ended; by name. */
  readonly pending: readonly string[];
}

/**
 * Looks what an interrupted run left behind and what was stopped or removed by hand, and changes nothing.
 *
 * While another run holds the stack, and where its state was cut, nothing can be told.
 */
export async function look(target: Target): Promise<Findings> {
  const hold = await holdOf(target);
  return hold === "free"
    ? findingsOf(hold, await survey(target))
    : { hold, hosts: [["docker"]], stopped: [], gone: [], lostData: [], undone: [], pending: [] };
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
  const leftovers = unrecorded(target, surveyed, cut);
  const findings = findingsOf(hold, surveyed);
  const { stopped, gone, undone, pending } = findings;
  if ([leftovers, stopped, gone, undone, pending].some(({ length }) => length > 0) && !(await agree())) return undefined;
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
  readonly resources: readonly Resource[];
  readonly pending: readonly PendingOperation[];
  readonly hosts: readonly Docker[];
  readonly found: readonly Found[];
}

async function survey(target: Target): Promise<Survey> {
  const checkpoint = JSON.parse((await exportedStack(target)) ?? "{}") as Checkpoint;
  const { resources = [], pending_operations: pending = [] } = checkpoint.deployment ?? {};
  const hosts = stackHosts(resources);
  return { checkpoint, resources, pending, hosts: hosts.map(({ docker }) => docker), found: await findOnEngines(target, hosts) };
}

function findingsOf(hold: Hold, { resources, pending, hosts, found }: Survey): Findings {
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
    stopped: found.filter(({ kind, id, running }) => kind === "container" && recorded.has(id) && !running),
    gone: [...lostUrns, ...madeFor.map(({ urn }) => urn)],
    lostData: lost.filter(({ type, retainOnDelete }) => KINDS[type] === "volume" && retainOnDelete === true).map(({ id = "" }) => id),
    undone: [...fillers.map(({ urn }) => urn), ...pending.filter(isHalfTakenBack).map(({ resource }) => resource.urn)],
    pending: pending.map(({ resource }) => nameOf(resource.urn)),
  };
}

/**
 * Whether a command's deletion was cut. Of a registration it had taken away some by then, which its creation brings back. A membership was
 * leaving, and has no creation: made again it leaves to the end, and its node is then made anew and joins as a new one.
 */
function isHalfTakenBack({ type, resource }: PendingOperation): boolean {
  return type === "deleting" && resource.type === COMMAND && resource.inputs?.delete !== undefined;
}

function nameOf(urn: string): string {
  return urn.split("::").pop() ?? "";
}

const KINDS: Readonly<Record<string, Found["kind"]>> = {
  "docker:index/container:Container": "container",
  "docker:index/network:Network": "network",
  // Its id is its name.
  "docker:index/volume:Volume": "volume",
};

const COMMAND = "command:local:Command";

/** How long an engine may take to list what it has, in ms; one that cannot be reached does not answer at all. */
const ENGINE_PATIENCE = 30_000;

/** Asks the engine of a host for a list. @throws {SetupError} naming the host when its engine does not answer. */
export async function askEngine({ name, docker }: StackHost, ...args: string[]): Promise<string> {
  try {
    return await run([...docker, ...args], { timeout: ENGINE_PATIENCE });
  } catch (error) {
    throw new SetupError(
      `The engine of host ${name} (${docker[2] ?? "this machine's"}) does not answer: ${lastWords(error)}\n` +
        "Bring it back and run the command again.",
    );
  }
}

async function findOnEngines({ label }: Target, hosts: readonly StackHost[]): Promise<Found[]> {
  const filter = ["--filter", `label=dockyard.stack=${label}`];
  const found = await Promise.all(
    hosts.map(async (host) => {
      const [containers, networks, volumes] = await Promise.all([
        askEngine(
          host,
          ...["ps", "--all", "--no-trunc", ...filter, "--filter", "label=dockyard.node"],
          ...["--format", "{{.ID}}\t{{.Names}}\t{{.State}}\t{{.CreatedAt}}"],
        ),
        askEngine(host, "network", "ls", "--no-trunc", ...filter, "--format", "{{.ID}}\t{{.Name}}\trunning\t{{.CreatedAt}}"),
        askEngine(host, "volume", "ls", "--format", "{{.Name}}\t{{.Name}}\trunning"),
      ]);
      return [...rows(host, "container", containers), ...rows(host, "network", networks), ...rows(host, "volume", volumes)];
    }),
  );
  return found.flat();
}

function rows({ docker }: StackHost, kind: Found["kind"], lines: string): Found[] {
  return lines
    .split("\n")
    .filter(Boolean)
    .map((line) => {
      const [id = "", name = "", state = "", created = ""] = line.split("\t");
      return { docker, kind, id, name, running: state === "running", created: engineTime(created) };
    });
}

/** `2026-11-25 10:12:38.123 +0000 UTC` to the second. */
function engineTime(text: string): number | undefined {
  const [, day, time, zone] = /^(\S+) ([\d:]+)\S* ([+-]\d{4})/.exec(text) ?? [];
  return day === undefined ? undefined : Date.parse(`${day}T${time}${zone?.replace(/\d\d$/, ":$&")}`);
}

/**
 * What the engines have of the stack, the state does not know, and an interrupted run made; what else the state does not know is told and left.
 *
 * The step that a cut state has lost is one of which nothing says that it was under way: what the engine made since the run began is its own.
 */
function unrecorded(target: Target, { found, resources, pending }: Survey, cut: CutRun | undefined): Found[] {
  const recorded = new Set(resources.map(({ id }) => id));
  const knowsStack = resources.some(({ type }) => type in KINDS);
  const inTheMaking = new Set(pending.map(({ resource }) => `${target.label}-${nameOf(resource.urn)}`));
  const ofTheCutRun = ({ created = 0 }: Found) => cut !== undefined && (cut.began === undefined ? knowsStack : created >= cut.began);
  const unknown = found.filter(({ kind, id }) => kind !== "volume" && !recorded.has(id));
  const leftovers = unknown.filter((each) => inTheMaking.has(each.name) || ofTheCutRun(each));
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

async function forgetPending(target: Target, checkpoint: Checkpoint): Promise<void> {
  const { pending_operations: pending = [], ...deployment } = checkpoint.deployment ?? {};
  console.log(`The last run was interrupted; taking up again: ${pending.map(({ resource }) => nameOf(resource.urn)).join(", ")}.`);
  await pulumiOutput(target, ["stack", "import", "--stack", target.stack], JSON.stringify({ ...checkpoint, deployment }));
}

/**
 * Starts nodes that were stopped or killed by hand: the program says that they run.
 *
 * @returns Whether one could not be started, or is not to be restarted because it has left its cluster: a look at the engine shows that to
 *   Pulumi, which makes it anew where the program says so by now. Started as it is it would join with what it had.
 */
export async function startStopped(stopped: readonly Found[]): Promise<boolean> {
  let anew = false;
  for (const { docker, id, name } of stopped) {
    if ((await run([...docker, "inspect", "--format", "{{.HostConfig.RestartPolicy.Name}}", id])) === "no") {
      anew = true;
      continue;
    }
    console.log(`Starting ${name}, which had been stopped.`);
    try {
      await run([...docker, "start", id]);
    } catch (error) {
      console.log(`${name} does not start, so it is made anew: ${lastWords(error)}`);
      anew = true;
    }
  }
  return anew;
}
