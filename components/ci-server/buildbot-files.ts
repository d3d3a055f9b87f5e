import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { NormalCiUser } from "./args";
import type { NormalCiJob, NormalCiRepository } from "./job-args";

export const BUILDBOT_PATH = "/etc/buildbot";
const CURRENT = `${BUILDBOT_PATH}/current`;
/** Folder of the database, the output of steps, and on a worker of what is checked out. */
export const BUILDBOT_DATA_PATH = "/data";

/** Port at which workers log in. */
export const WORKER_PORT = 9989;

/** User of the component's own who knocks after a push. */
export const HOOK = "hook";

const MASTER_FILES = ["master.cfg", "master.tac", "start-master", "probe"] as const;
const WORKER_FILES = ["worker.tac", "start-worker", "probe"] as const;

/** A file that is the same for every server. */
export interface ShippedFile {
  readonly path: string;
  readonly content: string;
}

export function masterFiles(): ShippedFile[] {
  return MASTER_FILES.map(shipped);
}

export function workerFiles(): ShippedFile[] {
  return WORKER_FILES.map(shipped);
}

function shipped(path: string): ShippedFile {
  return { path, content: readFileSync(join(dirname(__filename), "buildbot", path), "utf8") };
}

/** What the master is made from. */
export interface MasterSettings {
  readonly title: string;
  /** URL by which its own pages name it. */
  readonly url: string;
  readonly port: number;
  readonly workers: readonly string[];
  readonly buildsPerWorker: number;
  readonly keepDays: number;
  readonly repositories: readonly NormalCiRepository[];
  readonly jobs: readonly NormalCiJob[];
  readonly users: readonly NormalCiUser[];
}

/** What master.cfg reads, in the order of the arguments. */
export function renderMaster(settings: MasterSettings): string {
  const { title, url, port, workers, buildsPerWorker, keepDays, repositories, jobs, users } = settings;
  return json({
    title,
    url,
    webPort: port,
    workerPort: WORKER_PORT,
    workers,
    buildsPerWorker,
    keepDays,
    repositories: Object.fromEntries(
      repositories.map(({ name, url: source, branches, push, pollSeconds }) => [name, { url: source, branches, push, pollSeconds }]),
    ),
    jobs,
    users: users.map(({ name, role }) => ({ name, role })),
  });
}

export function renderMasterPasswords(
  users: readonly string[],
  passwords: Readonly<Record<string, string>>,
  own: { hook: string; workers: Readonly<Record<string, string>> },
) {
  return json({ users: Object.fromEntries(users.map((user) => [user, passwords[user]])), ...own });
}

export function renderWorker(name: string, host: string): string {
  return json({ host, port: WORKER_PORT, name });
}

/** URL at which a push knocks, so that the master looks for what is new in one repository. */
export function knockUrl(endpoint: string, repository: string, password: string): string {
  return `http://${HOOK}:${password}@${endpoint}/change_hook/poller?poller=${repository}`;
}

export function masterCommand(): string[] {
  return ["/bin/sh", `${CURRENT}/start-master`];
}

export function workerCommand(): string[] {
  return ["/bin/sh", `${CURRENT}/start-worker`];
}

export function masterCheck(folder: string): string[] {
  return ["buildbot", "checkconfig", `${folder}/master.cfg`];
}

/** Has the running master take its configuration up; fails with what it says where it does not. A busy one is given a minute between two words. */
export function masterReload(): string[] {
  return ["buildbot", "reconfig", "--progress_timeout=60", BUILDBOT_DATA_PATH];
}

/** Python reads the file without running it. */
export function workerCheck(folder: string): string[] {
  return ["/bin/sh", "-c", 'set -e; sh -n "$1/start-worker"; python3 -m json.tool "$1/worker.json" >/dev/null', "sh", folder];
}

/** Asks the master whether it runs or, with the name of a worker, whether that one is connected. */
export function probeCommand(master: string, worker?: string): string[] {
  return ["python3", `${CURRENT}/probe`, master, ...(worker === undefined ? [] : [worker])];
}

function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
