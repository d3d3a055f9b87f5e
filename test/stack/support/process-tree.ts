import { readFile, readdir, readlink } from "node:fs/promises";

/** A process as it was seen. */
export interface SeenProcess {
  readonly pid: number;
  readonly parent: number;
  /** Its argument array. */
  readonly command: readonly string[];
  /** Folder that it works in; empty where it has ended. */
  readonly folder: string;
}

/** All processes of this machine. */
async function allProcesses(): Promise<SeenProcess[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const seen = await Promise.all(
    pids.map(async (pid) => {
      const [stat, command, folder] = await Promise.all([
        readFile(`/proc/${pid}/stat`, "utf8").catch(() => ""),
        readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => ""),
        readlink(`/proc/${pid}/cwd`).catch(() => ""),
      ]);
      // Behind the name, which may hold anything: the state and the parent.
      const parent = Number(/\) \S (\d+)/.exec(stat)?.[1]);
      return { pid, parent, command: command.split("\0").slice(0, -1), folder };
    }),
  );
  return seen.filter(({ command }) => command.length > 0);
}

/** The processes that one has started, and those that these have, at any depth. */
export async function descendantsOf(pid: number): Promise<SeenProcess[]> {
  const all = await allProcesses();
  const found: SeenProcess[] = [];
  for (let parents = new Set([pid]); parents.size > 0;) {
    const children = all.filter(({ parent }) => parents.has(parent));
    found.push(...children);
    parents = new Set(children.map((child) => child.pid));
  }
  return found;
}

/** Processes that work in a folder: Pulumi, its language host, its plugins. */
export async function processesIn(folder: string): Promise<SeenProcess[]> {
  return (await allProcesses()).filter((each) => each.folder === folder);
}

/** The processes of a container, by the groups that the kernel has them in: also of one that its engine does not know to run. */
export async function processesOf(id: string): Promise<number[]> {
  const all = await Promise.all(
    (await allProcesses()).map(async ({ pid }) => ({ pid, groups: await readFile(`/proc/${pid}/cgroup`, "utf8").catch(() => "") })),
  );
  return all.filter(({ groups }) => groups.includes(id)).map(({ pid }) => pid);
}
