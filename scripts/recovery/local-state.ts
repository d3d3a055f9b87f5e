import { copyFileSync, existsSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { backendUrl } from "../setup/environment";
import { Target, backendFolder, pulumiOutput } from "../stack";

/** Whether a live run holds the stack, nobody does, or the last run was cut while it wrote the state. */
export type Hold = "free" | "held" | "cut";

/** Where a stack's state lies in a backend of plain files; undefined where the backend is another. */
interface StateFiles {
  readonly state: string;
  readonly locks: string;
  /** Folders with older states: the newest file of the first that can be read is the last good one. */
  readonly older: readonly string[];
}

/** Looks who holds the stack, and changes nothing. */
export async function holdOf(target: Target): Promise<Hold> {
  const files = stateFiles(target);
  if (files === undefined) return serviceHold(target);
  if (locksIn(files).some(isLive)) return "held";
  const cut = [files.state, `${files.state}.attrs`].some((file) => existsSync(file) && !isJson(file));
  return cut ? "cut" : "free";
}

/** When the run began that holds the stack, in ms since 1970; undefined where none does, or the backend does not say. */
export function beganAt(target: Target): number | undefined {
  const files = stateFiles(target);
  return files && beginOf(locksIn(files).filter(isLive));
}

/** A run whose last words about the state were lost. */
export interface CutRun {
  /** When it began, in ms since 1970; undefined where its lock is gone. */
  readonly began: number | undefined;
}

/**
 * Lifts the lock of a dead run, and puts a state right that it was cut in writing.
 *
 * A state is taken back to the step before, which Pulumi keeps beside it, else to the end of the last whole run. Where there is neither, the
 * cut run was the stack's first, and the state is begun anew. A lock of a live run stays, whenever it was taken.
 *
 * @returns The run whose state was taken back, so that it may lack what the engines have; undefined where none was.
 */
export function releaseHold(target: Target): CutRun | undefined {
  const files = stateFiles(target);
  if (files === undefined) return undefined;
  const dead = locksIn(files).filter((lock) => !isLive(lock));
  const cut = existsSync(files.state) && !isJson(files.state) ? { began: beginOf(dead) } : undefined;
  if (cut) restoreCutState(files);
  // Attributes that were cut hide the file that they belong to, and say nothing that is needed.
  for (const attributes of [`${files.state}.attrs`, `${files.state}.bak.attrs`]) {
    if (existsSync(attributes) && !isJson(attributes)) rmSync(attributes);
  }
  // Not by `pulumi cancel`, which lifts every lock: another run may have begun by now.
  for (const lock of dead) for (const file of [lock, `${lock}.attrs`]) rmSync(file, { force: true });
  return cut;
}

function stateFiles({ checkout, project, stack }: Target): StateFiles | undefined {
  const backend = backendUrl(checkout);
  if (!backend.startsWith("file://")) return undefined;
  const folder = join(backendFolder(backend, checkout), ".pulumi");
  return {
    state: join(folder, "stacks", project, `${stack}.json`),
    locks: join(folder, "locks", "organization", project, stack),
    older: [join(folder, "backups", project, stack), join(folder, "history", project, stack)],
  };
}

async function serviceHold(target: Target): Promise<Hold> {
  const stacks = JSON.parse(await pulumiOutput(target, ["stack", "ls", "--json"])) as { name: string; updateInProgress?: boolean }[];
  const held = stacks.some(({ name, updateInProgress }) => name.split("/").pop() === target.stack && updateInProgress === true);
  return held ? "held" : "free";
}

/** Beside each lock lies a file of the storage library's own. */
function locksIn({ locks }: StateFiles): string[] {
  return filesIn(locks, ".json");
}

/** What Pulumi writes into a lock. */
interface Lock {
  readonly pid: number;
  readonly hostname: string;
  /** As in ISO 8601. */
  readonly timestamp: string;
}

function readLock(file: string): Lock | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Lock;
  } catch {
    return undefined;
  }
}

/** When the first of the runs that left these locks began; to the second, as an engine tells times. */
function beginOf(locks: readonly string[]): number | undefined {
  const times = locks.map((file) => Date.parse(readLock(file)?.timestamp ?? "")).filter(Number.isFinite);
  return times.length === 0 ? undefined : Math.floor(Math.min(...times) / 1000) * 1000;
}

/** A lock that cannot be read may be one that is just being written, so it counts as live. */
function isLive(file: string): boolean {
  const lock = readLock(file);
  if (lock === undefined) return existsSync(file);
  try {
    // A process that has ended but was not waited for has no command line, and its number may be another's by now.
    return lock.hostname !== hostname() || readFileSync(`/proc/${lock.pid}/cmdline`, "utf8").includes("pulumi");
  } catch {
    return false;
  }
}

function restoreCutState({ state, older }: StateFiles): void {
  // Their names hold the time, so the last by name is the newest. A history's other half tells of the run, not of the resources.
  const whole = older.map((folder) =>
    filesIn(folder, ".json")
      .filter((file) => !file.endsWith(".history.json"))
      .reverse(),
  );
  const good = [`${state}.bak`, ...whole.flat()].find((file) => existsSync(file) && isJson(file));
  if (good === undefined) {
    console.log("The last run, the stack's first, was killed while it wrote the state; beginning anew.");
    rmSync(state);
    return;
  }
  console.log(`The last run was killed while it wrote the state; going on from ${good.endsWith(".bak") ? "the step" : "the run"} before.`);
  copyFileSync(good, state);
}

function filesIn(folder: string, ending: string): string[] {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => name.endsWith(ending));
  return names.sort().map((name) => join(folder, name));
}

function isJson(file: string): boolean {
  try {
    JSON.parse(readFileSync(file, "utf8"));
    return true;
  } catch {
    return false;
  }
}
