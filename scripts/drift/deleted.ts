import { lastWords, run } from "../setup/shell";
import { StackHost } from "../stack";
import { DeclaredContainer } from "./declared";
import { Difference } from "./difference";
import { LiveContainer } from "./settings";

/** How long a container may take to tell what it has mounted, in ms. */
const PATIENCE = 10_000;

/** What an engine says of one that ends just now: the next look tells it as stopped. */
const HAS_ENDED = /is not running|no such container|is restarting/i;

/**
 * Data volumes whose folder was deleted behind the engine's back: it lists them on, and their container runs on with what it has open.
 *
 * The kernel tells that inside of the container alone, so only those that run are asked.
 *
 * @param volumes Data volumes of the stack, by their URNs' names on the engine.
 * @returns them, and which containers do not tell, a sentence each.
 */
export async function deletedData(
  host: StackHost,
  containers: readonly { readonly declared: DeclaredContainer; readonly live: LiveContainer }[],
  volumes: ReadonlyMap<string, string>,
): Promise<{ deleted: Difference[]; unanswered: string[] }> {
  const unanswered: string[] = [];
  const answers = await Promise.all(
    containers.map(async ({ declared, live }) => {
      const mounts = live.Mounts.filter(({ Name = "" }) => volumes.has(Name));
      if (live.State.Status !== "running" || mounts.length === 0) return [];
      const mountinfo = await run([...host.docker, "exec", live.Id, "cat", "/proc/self/mountinfo"], { timeout: PATIENCE }).catch(
        (error: unknown) => {
          const why = lastWords(error);
          if (!HAS_ENDED.test(why)) unanswered.push(`${declared.settings.name} does not tell whether its data is still there: ${why}.`);
          return "";
        },
      );
      const deleted = new Set(deletedMounts(mountinfo));
      return mounts
        .filter(({ Destination }) => deleted.has(Destination))
        .map(({ Name = "" }): Difference => {
          const differs = `was deleted while ${declared.settings.name} runs: DATA LOSS, what that still has open of it goes with its end`;
          return { kind: "volume", host: host.name, name: Name, urn: volumes.get(Name) ?? "", differs, isLoss: true };
        });
    }),
  );
  return { deleted: answers.flat(), unanswered };
}

/** Where something is mounted that is not there any more, off a list as in `/proc/self/mountinfo`. */
export function deletedMounts(mountinfo: string): string[] {
  return mountinfo
    .split("\n")
    .map((line) => line.split(" "))
    .filter(([, , , root = ""]) => root.endsWith("//deleted"))
    .map(([, , , , path = ""]) => path.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8))));
}
