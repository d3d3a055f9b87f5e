import { readFile, readdir } from "node:fs/promises";

/**
 * The command line and the environment of every process that was seen on this machine while `work` ran, those in containers among them.
 *
 * A process that lives for less than some 20 ms may be missed.
 */
export async function processesDuring(work: () => Promise<unknown>): Promise<string[]> {
  const seen = new Set<string>();
  let looking = true;
  const loop = (async () => {
    while (looking) {
      const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
      const texts = await Promise.all(pids.flatMap((pid) => [`/proc/${pid}/cmdline`, `/proc/${pid}/environ`]).map(readOrNothing));
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
