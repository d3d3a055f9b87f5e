import { readFile, readdir } from "node:fs/promises";

/** How long a process may take to become the program that it was started for, in ms. */
const SETTLED = 1_000;

/** Time after which all processes are looked at again, also those that were settled, in ms. */
const AGAIN = 5_000;

/**
 * The command line and the environment of every process that was seen on this machine while `work` ran, those in containers among them.
 *
 * A process that lives for less than some 20 ms may be missed. One that goes on is looked at until it has settled and seldom from there on: to
 * read hundreds of them at each look would take most of a processor.
 */
export async function processesDuring(work: () => Promise<unknown>): Promise<string[]> {
  const seen = new Set<string>();
  let [looking, since] = [true, new Map<string, number>()];
  let all = performance.now();
  const loop = (async () => {
    while (looking) {
      const now = performance.now();
      const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
      since = new Map(pids.map((pid) => [pid, since.get(pid) ?? now]));
      const again = now - all > AGAIN;
      if (again) all = now;
      const unsettled = pids.filter((pid) => again || now - (since.get(pid) ?? now) < SETTLED);
      const texts = await Promise.all(unsettled.flatMap((pid) => [`/proc/${pid}/cmdline`, `/proc/${pid}/environ`]).map(readOrNothing));
      for (const text of texts) seen.add(text.replaceAll("\0", " "));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })();
  try {
    await work();
  } finally {
    looking = false;
    await loop;
  }
  return [...seen];
}

/** A process may end while it is looked at, and another user's environment is not shown. */
async function readOrNothing(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch {
    return "";
  }
}
