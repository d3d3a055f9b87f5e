import { spawn } from "node:child_process";
import { existsSync, openSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { CACHE } from "./paths";
import { Report, SetupError, lastWords, run, succeeds } from "./shell";

const PACKAGES = ["docker.io", "iptables"] as const;

export function engineAnswers(): Promise<boolean> {
  return succeeds(["docker", "version", "--format", "{{.Server.Version}}"]);
}

/**
 * Has a container engine running: the one that answers, else one installed from the system's packages and started.
 *
 * @throws {SetupError} saying what to do where this user may not.
 */
export async function ensureEngine(report: Report): Promise<void> {
  if (await engineAnswers()) return;
  const asked = process.env.DOCKER_HOST ?? "the local socket";
  if (process.env.DOCKER_HOST !== undefined) {
    throw new SetupError(
      `No container engine answers at DOCKER_HOST=${asked}. Start it, correct the variable, or unset it to use the local engine.`,
    );
  }
  if (process.getuid?.() !== 0) {
    throw new SetupError(
      `No container engine answers on ${asked}, and only root may install or start one. Do one of these and run the command again:\n` +
        "  sudo apt-get install docker.io && sudo usermod -aG docker $USER   (then log in anew)\n" +
        "  sudo systemctl start docker                                       (where it is installed but not running)\n" +
        "  export DOCKER_HOST=ssh://user@host                                (an engine on another machine)",
    );
  }
  if (!(await succeeds(["sh", "-c", "command -v dockerd && command -v iptables"]))) await installEngine(report);
  await startEngine(report);
}

async function installEngine(report: Report): Promise<void> {
  if (!(await succeeds(["sh", "-c", "command -v apt-get"]))) {
    throw new SetupError(
      "No container engine is installed, and this system has no apt-get. Install Docker by your system's own packages, start it, and run the command again.",
    );
  }
  try {
    await aptInstall(PACKAGES, report);
  } catch (error) {
    throw new SetupError(`Installing ${PACKAGES.join(" and ")} failed:\n${lastWords(error)}`);
  }
}

/** Installs Debian packages, refreshing the package lists first. */
export async function aptInstall(packages: readonly string[], report: Report): Promise<void> {
  const env = { DEBIAN_FRONTEND: "noninteractive" };
  await run(["apt-get", "update"], { env, report });
  await run(["apt-get", "install", "--yes", "--no-install-recommends", ...packages], { env, report });
}

async function startEngine(report: Report): Promise<void> {
  report("starting the engine");
  const log = join(CACHE, "dockerd.log");
  const managed = existsSync("/run/systemd/system");
  if (managed) await run(["systemctl", "start", "docker"]);
  else {
    // Detached, so that it outlives this command as a service would.
    const output = openSync(log, "a");
    spawn("dockerd", [], { detached: true, stdio: ["ignore", output, output] }).unref();
  }
  for (const deadline = Date.now() + 60_000; Date.now() < deadline; await wait(200)) {
    if (await engineAnswers()) return;
  }
  throw new SetupError(
    `The container engine was started but does not answer after 60 s; ${managed ? "`journalctl -u docker`" : log} says why.`,
  );
}
