import { execa } from "execa";
import { execArguments, nodesOf } from "./nodes";
import { SetupError } from "./setup/shell";
import { Target } from "./stack";

/** Name of the component that is asked where none is named. */
export const DEFAULT_BACKUP = "backup";

/** An id of a set, or the newest one. */
export const SET_ID = /^(\d{8}T\d{6}Z-[0-9a-f]{4}|latest)$/;

/** What docker's client exits with where the program was killed, as it is with its container. */
const KILLED = 137;

const WATCH = "`npm run status` shows what became of it, a restore that is under way or was cut too.";

/**
 * Runs the command line of a `BackupSchedule` in its container, in front of the user.
 *
 * @returns its exit code.
 * @throws {SetupError} where it does not run, is killed, or goes on without the user who has interrupted it.
 */
export async function backupService(target: Target, component: string, args: readonly string[]): Promise<number> {
  const { nodes, silent } = await nodesOf(target, component);
  const node = nodes.find(({ state }) => state === "running");
  if (node === undefined) {
    const unknown = silent.map(({ host, reason }) => `\nHost ${host.name} cannot be asked: ${reason}`).join("");
    throw new SetupError(`${component} does not run; \`npm run up\` starts it.${unknown}`);
  }
  const [program, ...options] = execArguments(node, ["backup", ...args]);
  // Ctrl-C ends docker's client alone, with whatever code: who is told nothing would take the work for ended too. A signal that reaches
  // only this process leaves the client to its end.
  let [interrupted, terminated] = [false, false];
  const interrupt = () => void (interrupted = true);
  const terminate = () => void (terminated = true);
  process.on("SIGINT", interrupt).on("SIGTERM", terminate);
  try {
    const { exitCode } = await execa(program, options, { stdio: ["ignore", "inherit", "inherit"], reject: false });
    if (interrupted || (terminated && exitCode !== 0))
      throw new SetupError(`This terminal only let go: what was begun goes on in ${node.container} to its end. ${WATCH}`);
    if (exitCode === KILLED) throw new SetupError(`${node.container} was ended in the midst of it. ${WATCH}`);
    return exitCode ?? 1;
  } finally {
    process.off("SIGINT", interrupt).off("SIGTERM", terminate);
  }
}
