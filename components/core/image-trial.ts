import { spawnSync } from "node:child_process";

/** Seconds that the software may take; an engine that is so busy is not waited for, since the same is checked again before a change. */
const TRIAL_SECONDS = 20;

/** Status with which the engine itself fails, whatever the software would have said. */
const ENGINE_FAILED = 125;

/**
 * Runs a script in a throw-away container of an image, as the software would run it.
 *
 * @returns What it printed where it failed; undefined where it succeeded, or could not be run.
 */
export function askImage(docker: readonly string[], image: string, user: string, script: string): string | undefined {
  const [program = "docker", ...args] = docker;
  const { status, stdout, stderr } = spawnSync(
    program,
    [
      ...args,
      ...["run", "--rm", "--interactive", "--network", "none", "--user", user, "--cap-drop", "ALL"],
      ...["--security-opt", "no-new-privileges", "--tmpfs", "/tmp:mode=1777", "--entrypoint", "/bin/sh", image, "-s"],
    ],
    { encoding: "utf8", input: script, stdio: ["pipe", "pipe", "pipe"], timeout: TRIAL_SECONDS * 1000 },
  );
  return status === null || status === 0 || status >= ENGINE_FAILED ? undefined : stdout + stderr;
}
