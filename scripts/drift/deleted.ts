import { run } from "../setup/shell";
import { StackHost } from "../stack";
import { DeclaredContainer } from "./declared";
import { Difference } from "./difference";
import { LiveContainer } from "./settings";

/** How long a container may take to tell what it has mounted, in ms. */
const PATIENCE = 10_000;

/**
 * Data volumes whose folder was deleted behind the engine's back: it lists them on, and their container runs on with what it has open.
 *
 * The kernel tells that inside of the container alone, so only those that run are asked.
 *
 * @param volumes Data volumes of the stack, by their URNs' names on the engine.
 */
export async function deletedData(
  host: StackHost,
  containers: readonly { readonly declared: DeclaredContainer; readonly live: LiveContainer }[],
  volumes: ReadonlyMap<string, string>,
): Promise<Difference[]> {
  const answers = await Promise.all(
    containers.map(async ({ declared, live }) => {
      const mounts = live.Mounts.filter(({ Name = "" }) => volumes.has(Name));
      if (live.State.Status !== "running" || mounts.length === 0) return [];
      // One that ends just now is told as stopped by the next look.
      const mountinfo = await run([...host.docker, "exec", live.Id, "cat", "/proc/self/mountinfo"], { timeout: PATIENCE }).catch(() => "");
      const deleted = new Set(deletedMounts(mountinfo));
      return mounts
        .filter(({ Destination }) => deleted.has(Destination))
        .map(({ Name = "" }): Difference => {
          const differs = `was deleted while ${declared.settings.name} runs: DATA LOSS, what that still has open of it goes with its end`;
          return { kind: "volume", host: host.name, name: Name, urn: volumes.get(Name) ?? "", differs, isLoss: true };
        });
    }),
  );
  return answers.flat();
}

/** Where something is mounted that is not there any more, off a list as in `/proc/self/mountinfo`. */
export function deletedMounts(mountinfo: string): string[] {
  return mountinfo
    .split("\n")
    .map((line) => line.split(" "))
    .filter(([, , , root = ""]) => root.endsWith("//deleted"))
    .map(([, , , , path = ""]) => path.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8))));
}
