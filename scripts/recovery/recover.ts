import { SetupError, lastWords, run } from "../setup/shell";
import { Docker, Target, exportedStack, pulumiOutput, stackHosts } from "../stack";
import { Hold, holdOf, releaseHold } from "./local-state";

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
 * @throws {SetupError} when the engine runs nodes of this stack and the state in use knows nothing of the stack at all.
 */
export async function recover(target: Target): Promise<Findings> {
  const hold = await holdOf(target);
  if (hold === "held") return look(target);
  const takenBack = await releaseHold(target);
  const surveyed = await survey(target);
  await removeUnrecorded(target, surveyed, takenBack);
  if (surveyed.pending.length > 0) await forgetPending(target, surveyed.checkpoint);
  return findingsOf(hold, surveyed);
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
  const hosts = stackHosts(resources).map(({ docker }) => docker);
  return { checkpoint, resources, pending, hosts, found: await findOnEngines(target, hosts) };
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
 * Whether a deletion was cut that a creation makes good, as of a registration: what it had taken away by then is back only once it is made again.
 * A membership has none: to make it again would be to leave.
 */
function isHalfTakenBack({ type, resource }: PendingOperation): boolean {
  return type === "deleting" && resource.type === COMMAND && resource.inputs?.create !== undefined && resource.inputs.delete !== undefined;
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

async function findOnEngines({ label }: Target, hosts: readonly Docker[]): Promise<Found[]> {
  const filter = ["--no-trunc", "--filter", `label=dockyard.stack=${label}`];
  const found = await Promise.all(
    hosts.map(async (docker) => {
      const containers = await run([
        ...docker,
        "ps",
        "--all",
        ...filter,
        "--filter",
        "label=dockyard.node",
        "--format",
        "{{.ID}}\t{{.Names}}\t{{.State}}",
      ]);
      const networks = await run([...docker, "network", "ls", ...filter, "--format", "{{.ID}}\t{{.Name}}\trunning"]);
      const volumes = await run([...docker, "volume", "ls", "--format", "{{.Name}}\t{{.Name}}\trunning"]);
      return [...rows(docker, "container", containers), ...rows(docker, "network", networks), ...rows(docker, "volume", volumes)];
    }),
  );
  return found.flat();
}

function rows(docker: Docker, kind: Found["kind"], lines: string): Found[] {
  return lines
    .split("\n")
    .filter(Boolean)
    .map((line) => {
      const [id = "", name = "", state = ""] = line.split("\t");
      return { docker, kind, id, name, running: state === "running" };
    });
}

async function removeUnrecorded(target: Target, { found, resources, pending }: Survey, cut: boolean): Promise<void> {
  const recorded = new Set(resources.map(({ id }) => id));
  const inTheMaking = new Set(pending.map(({ resource }) => `${target.label}-${nameOf(resource.urn)}`));
  const unrecorded = found.filter(({ kind, id }) => kind !== "volume" && !recorded.has(id));
  const foreign = unrecorded.filter(({ name }) => !inTheMaking.has(name));
  if (!cut && foreign.length > 0 && !resources.some(({ type }) => type in KINDS)) {
    throw new SetupError(
      `${foreign.map(({ name }) => name).join(", ")} belong to a stack ${target.stack} whose state is somewhere else: another checkout, another backend, or a deleted .state/. ` +
        "Use that state, choose another stack with --stack, or remove them yourself if they are not needed; their data volumes can stay.",
    );
  }
  for (const { docker, kind, id, name } of unrecorded) {
    // The step that a cut state has lost is one of which nothing says that it was under way.
    if (!cut && !inTheMaking.has(name)) {
      console.log(`The ${kind} ${name} has the stack's labels, but the program did not make it: left alone.`);
      continue;
    }
    console.log(`Removing the ${kind} ${name}, which an interrupted run had made but not recorded.`);
    await run(kind === "container" ? [...docker, "rm", "--force", id] : [...docker, "network", "rm", id]);
  }
}

async function forgetPending(target: Target, checkpoint: Checkpoint): Promise<void> {
  const { pending_operations: pending = [], ...deployment } = checkpoint.deployment ?? {};
  console.log(`The last run was interrupted; taking up again: ${pending.map(({ resource }) => nameOf(resource.urn)).join(", ")}.`);
  await pulumiOutput(target, ["stack", "import", "--stack", target.stack], JSON.stringify({ ...checkpoint, deployment }));
}

/**
 * Starts nodes that were stopped or killed by hand: the program says that they run.
 *
 * One that is not to be restarted has left its cluster and waits for its removal; started again it would join anew.
 *
 * @returns Whether one could not be started: a look at the engine shows that to Pulumi, which makes it anew as the program says by now.
 */
export async function startStopped(stopped: readonly Found[]): Promise<boolean> {
  let refused = false;
  for (const { docker, id, name } of stopped) {
    if ((await run([...docker, "inspect", "--format", "{{.HostConfig.RestartPolicy.Name}}", id])) === "no") continue;
    console.log(`Starting ${name}, which had been stopped.`);
    try {
      await run([...docker, "start", id]);
    } catch (error) {
      console.log(`${name} does not start, so it is made anew: ${lastWords(error)}`);
      refused = true;
    }
  }
  return refused;
}
