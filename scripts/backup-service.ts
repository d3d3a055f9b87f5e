import { execa } from "execa";
import { execArguments, nodesOf } from "./nodes";
import { SetupError } from "./setup/shell";
import { Target } from "./stack";

/** Name of the component that is asked where none is named. */
export const DEFAULT_BACKUP = "backup";

/** An id of a set, or the newest one. */
export const SET_ID = /^(\d{8}T\d{6}Z-[0-9a-f]{4}|latest)$/;

/**
 * Runs the command line of a `BackupSchedule` in its container, in front of the user.
 *
 * @returns its exit code.
 * @throws {SetupError} where it does not run.
 */
export async function backupService(target: Target, component: string, args: readonly string[]): Promise<number> {
  const { nodes, silent } = await nodesOf(target, component);
  const node = nodes.find(({ state }) => state === "running");
  if (node === undefined) {
    const unknown = silent.map(({ host, reason }) => `\nHost ${host.name} cannot be asked: ${reason}`).join("");
    throw new SetupError(`${component} does not run; \`npm run up\` starts it.${unknown}`);
  }
  const [program, ...options] = execArguments(node, ["backup", ...args]);
  const { exitCode } = await execa(program, options, { stdio: ["ignore", "inherit", "inherit"], reject: false });
  return exitCode ?? 1;
}
