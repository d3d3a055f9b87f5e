import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { stackId } from "./naming";
import { shellCommand } from "./shell";

/** Seconds that the software may take; and those that the engine has beside that before it is not waited for any more. */
const [TRIAL_SECONDS, ENGINE_SECONDS] = [15, 10];

/** Seconds after which software is killed that is asked to end and does not. */
const GRACE_SECONDS = 2;

/** What a trial may take of the host. */
const BOUNDS = ["--memory", "512m", "--memory-swap", "512m", "--cpus", "1", "--pids-limit", "128"];

/** Statuses of what was ended by its time, politely or not; the latter is also that of what took too much memory. */
const ENDED: readonly (number | null)[] = [124, 137];

/** Status with which the engine itself fails, whatever the software would have said. */
const ENGINE_FAILED = 125;

/**
 * Runs a script in a throw-away container of an image, as the software would run it. It ends within its time, whatever runs in it.
 *
 * @param seconds Time of the software; that of the engine comes on top, and one that is so busy is not waited for, since the same is checked
 * again before a change. @default 15
 * @returns What it printed where it failed; undefined where it succeeded, or could not be run.
 */
export function askImage(
  docker: readonly string[],
  image: string,
  user: string,
  script: string,
  seconds = TRIAL_SECONDS,
): string | undefined {
  const container = `${stackId()}-trial-${randomBytes(6).toString("hex")}`;
  const { status, stdout, stderr } = engine(
    docker,
    [
      ...["run", "--rm", "--interactive", "--name", container, "--label", `dockyard.stack=${stackId()}`, "--network", "none"],
      ...[...BOUNDS, "--user", user, "--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--tmpfs", "/tmp:mode=1777"],
      ...["--entrypoint", "/bin/sh", image, "-c", bounded(seconds)],
    ],
    seconds + GRACE_SECONDS + ENGINE_SECONDS,
    script,
  );
  if (status === null) engine(docker, ["rm", "--force", container], ENGINE_SECONDS);
  if (ENDED.includes(status)) return `${stdout}${stderr}\nit did not end within ${seconds} seconds, or took more than 512 MiB of memory`;
  return status === null || status === 0 || status >= ENGINE_FAILED ? undefined : stdout + stderr;
}

/** A command that has a shell run its input for so long; an image without `timeout` is held to its time from outside alone. */
function bounded(seconds: number): string {
  const shell = ["/bin/sh", "-s"];
  const timed = shellCommand(["timeout", "-k", String(GRACE_SECONDS), String(seconds), ...shell]);
  return `if command -v timeout >/dev/null; then exec ${timed}; fi; exec ${shellCommand(shell)}`;
}

/** SIGKILL, for the engine's client hands SIGTERM on to a process that may ignore it, and waits. */
function engine([program = "docker", ...args]: readonly string[], command: readonly string[], seconds: number, input = "") {
  return spawnSync(program, [...args, ...command], {
    encoding: "utf8",
    input,
    stdio: ["pipe", "pipe", "pipe"],
    timeout: seconds * 1000,
    killSignal: "SIGKILL",
  });
}
