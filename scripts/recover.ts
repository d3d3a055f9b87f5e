import { existsSync, readFileSync, readdirSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { pulumiEnvironment } from "./setup/environment";
import { run } from "./setup/shell";
import { Target, exportedStack, pulumiOutput } from "./stack";

/** The parts of an exported stack that recovery looks at. */
interface Checkpoint {
  deployment?: {
    resources?: { id?: string }[];
    pending_operations?: { resource: { urn: string } }[];
  };
}

/**
 * Makes the stack if it is new, and clears away what an interrupted run left behind, so that the next one ends as if nothing had happened.
 *
 * A lock whose process is dead is lifted; a container or network that was made but never came into the state is removed, to be made
 * again; operations that were under way are forgotten. No volume is ever touched: data is found again by its name.
 */
export async function recover(target: Target): Promise<void> {
  await liftDeadLocks(target);
  const checkpoint = JSON.parse(await exportedStack(target)) as Checkpoint;
  await removeOrphans(target, checkpoint);
  const { pending_operations: pending = [], ...deployment } = checkpoint.deployment ?? {};
  if (pending.length === 0) return;
  console.log(
    `The last run was interrupted; taking up again: ${pending.map(({ resource }) => resource.urn.split("::").pop()).join(", ")}.`,
  );
  await pulumiOutput(target, ["stack", "import", "--stack", target.stack], JSON.stringify({ ...checkpoint, deployment }));
}

/** A lock in a folder names its process; other backends keep and expire their locks themselves. */
async function liftDeadLocks(target: Target): Promise<void> {
  const backend = pulumiEnvironment().PULUMI_BACKEND_URL ?? process.env.PULUMI_BACKEND_URL ?? "";
  if (!backend.startsWith("file://")) return;
  const folder = join(fileURLToPath(backend), ".pulumi", "locks", "organization", target.project, target.stack);
  if (!existsSync(folder)) return;
  const dead = readdirSync(folder).filter((file) => {
    const lock = JSON.parse(readFileSync(join(folder, file), "utf8")) as { pid: number; hostname: string };
    return lock.hostname === hostname() && !existsSync(`/proc/${lock.pid}`);
  });
  if (dead.length > 0) await pulumiOutput(target, ["cancel", target.stack, "--yes"]);
}

async function removeOrphans({ label }: Target, { deployment }: Checkpoint): Promise<void> {
  const known = new Set(deployment?.resources?.map(({ id }) => id));
  const filter = ["--no-trunc", "--filter", `label=dockyard.stack=${label}`, "--format", "{{.ID}}"];
  const unknown = (lines: string) => lines.split("\n").filter((id) => id !== "" && !known.has(id));
  const containers = unknown(await run(["docker", "ps", "--all", ...filter]));
  if (containers.length > 0) await run(["docker", "rm", "--force", ...containers]);
  const networks = unknown(await run(["docker", "network", "ls", ...filter]));
  if (networks.length > 0) await run(["docker", "network", "rm", ...networks]);
  const found = containers.length + networks.length;
  if (found > 0)
    console.log(
      `Removed ${containers.length} containers and ${networks.length} networks that an interrupted run had made but not recorded.`,
    );
}
