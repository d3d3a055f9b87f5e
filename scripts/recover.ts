import { copyFileSync, existsSync, readFileSync, readdirSync } from "node:fs";
import { homedir, hostname } from "node:os";
import { join, resolve } from "node:path";
import { pulumiEnvironment } from "./setup/environment";
import { SetupError, lastWords, run } from "./setup/shell";
import { Target, exportedStack, pulumiOutput } from "./stack";

interface Resource {
  readonly urn: string;
  readonly type: string;
  readonly id?: string;
  readonly outputs?: Record<string, unknown>;
}

/** The parts of an exported stack that recovery looks at. */
interface Checkpoint {
  deployment?: { resources?: Resource[]; pending_operations?: { type: string; resource: Resource }[] };
}

type Docker = readonly [string, ...string[]];

/** A container or network of the stack, as its engine tells it. */
interface Found {
  readonly docker: Docker;
  readonly kind: "container" | "network";
  readonly id: string;
  readonly name: string;
  readonly running: boolean;
}

/** What recovery found, for the command that follows. */
export interface Recovery {
  /** How the engines of the stack's hosts are reached. */
  readonly hosts: readonly Docker[];

  /** Nodes that the state knows and that do not run. */
  readonly stopped: readonly Found[];

  /** Whether something that the state knows is gone, so that `up` has to look first. */
  readonly gone: boolean;
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
export async function recover(target: Target): Promise<Recovery> {
  const hold = await holdOf(target);
  if (hold === "held") return { hosts: [["docker"]], stopped: [], gone: false };
  const checkpoint = JSON.parse((await exportedStack(target)) ?? "{}") as Checkpoint;
  const { resources = [], pending_operations: pending = [] } = checkpoint.deployment ?? {};
  const hosts = stackHosts(resources);
  const found = await findOnEngines(target, hosts);
  await removeUnrecorded(
    target,
    found,
    resources,
    pending.map(({ resource }) => resource),
    hold === "cut",
  );
  if (pending.length > 0) await forgetPending(target, checkpoint);
  const recorded = new Set(resources.map(({ id }) => id));
  const present = new Set(found.map(({ id }) => id));
  return {
    hosts,
    stopped: found.filter(({ kind, id, running }) => kind === "container" && recorded.has(id) && !running),
    gone: resources.some(({ type, id }) => id !== undefined && type in KINDS && !present.has(id)),
  };
}

const KINDS: Readonly<Record<string, Found["kind"]>> = {
  "docker:index/container:Container": "container",
  "docker:index/network:Network": "network",
};

type Hold = "free" | "held" | "cut";

/** Whether a live run holds the stack; the lock of a dead one is lifted, and the state that it was cut in writing is put right. */
async function holdOf(target: Target): Promise<Hold> {
  const backend = pulumiEnvironment().PULUMI_BACKEND_URL ?? process.env.PULUMI_BACKEND_URL ?? "";
  if (!backend.startsWith("file://")) {
    const stacks = JSON.parse(await pulumiOutput(target, ["stack", "ls", "--json"])) as { name: string; updateInProgress?: boolean }[];
    return stacks.some(({ name, updateInProgress }) => name.split("/").pop() === target.stack && updateInProgress === true)
      ? "held"
      : "free";
  }
  const pulumiFolder = join(backendFolder(backend, target.cwd), ".pulumi");
  const folder = join(pulumiFolder, "locks", "organization", target.project, target.stack);
  const files = existsSync(folder) ? readdirSync(folder) : [];
  // Beside each lock lies a file of the storage library's own.
  const locks = files.filter((file) => file.endsWith(".json")).map((file) => join(folder, file));
  if (locks.some(isLive)) return "held";
  const cut = restoreCutState(join(pulumiFolder, "stacks", target.project, `${target.stack}.json`));
  if (locks.length > 0) await pulumiOutput(target, ["cancel", target.stack, "--yes"]);
  return cut ? "cut" : "free";
}

/** A run that is killed while it writes the state leaves half a file, and beside it the state as it was one step before. */
function restoreCutState(file: string): boolean {
  if (!existsSync(file) || isJson(file) || !existsSync(`${file}.bak`) || !isJson(`${file}.bak`)) return false;
  copyFileSync(`${file}.bak`, file);
  console.log("The last run was killed while it wrote the state; going on from the step before.");
  return true;
}

function isJson(file: string): boolean {
  try {
    JSON.parse(readFileSync(file, "utf8"));
    return true;
  } catch {
    return false;
  }
}

/** Folder of a `file://` backend, with `~` and relative paths as Pulumi takes them. */
function backendFolder(url: string, cwd: string): string {
  const path = decodeURIComponent(url.slice("file://".length).split("?")[0] ?? "");
  return resolve(cwd, path.replace(/^~(?=\/|$)/, homedir()));
}

/** A lock that cannot be read may be one that is just being written, so it counts as live. */
function isLive(file: string): boolean {
  let lock: { pid: number; hostname: string };
  try {
    lock = JSON.parse(readFileSync(file, "utf8")) as typeof lock;
  } catch {
    return existsSync(file);
  }
  try {
    // A process that has ended but was not waited for has no command line, and its number may be another's by now.
    return lock.hostname !== hostname() || readFileSync(`/proc/${lock.pid}/cmdline`, "utf8").includes("pulumi");
  } catch {
    return false;
  }
}

/** How the engines of the stack's hosts are reached, as its own outputs tell. */
function stackHosts(resources: readonly Resource[]): readonly Docker[] {
  const outputs = resources.find(({ type }) => type === "pulumi:pulumi:Stack")?.outputs;
  const hosts = outputs?.hosts as { docker: Docker }[] | undefined;
  return hosts?.map(({ docker }) => docker) ?? [["docker"]];
}

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
      return [...rows(docker, "container", containers), ...rows(docker, "network", networks)];
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

async function removeUnrecorded(
  target: Target,
  found: readonly Found[],
  resources: readonly Resource[],
  pending: readonly Resource[],
  cut: boolean,
): Promise<void> {
  const recorded = new Set(resources.map(({ id }) => id));
  const inTheMaking = new Set(pending.map(({ urn }) => `${target.label}-${urn.split("::").pop()}`));
  const unrecorded = found.filter(({ id }) => !recorded.has(id));
  const foreign = unrecorded.filter(({ name }) => !inTheMaking.has(name));
  if (foreign.length > 0 && !resources.some(({ type }) => type in KINDS)) {
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
  console.log(
    `The last run was interrupted; taking up again: ${pending.map(({ resource }) => resource.urn.split("::").pop()).join(", ")}.`,
  );
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
