import { existsSync } from "node:fs";
import { mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { aptInstall } from "./engine";
import { CACHE, PROJECT_ROOT } from "./paths";
import { Report, SetupError, lastWords, run, succeeds } from "./shell";
import { BUILDBOT_VERSION } from "./versions";

/** The packages that are fetched, each with its version and its checksum. */
const REQUIREMENTS = join(PROJECT_ROOT, "toolchain", "buildbot-www", "requirements.txt");

/**
 * Has Buildbot's web page, which Debian leaves out: from the cache, else its published package, which pip compares with the checksum.
 *
 * @throws {SetupError} when it cannot be had.
 */
export async function ensureBuildbotPage(report: Report): Promise<string> {
  const wheel = join(CACHE, `buildbot-www-${BUILDBOT_VERSION}.whl`);
  if (existsSync(wheel)) return wheel;
  const folder = await mkdtemp(join(CACHE, "buildbot-www-"));
  try {
    await ensurePip(report);
    const download = ["download", "--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:", "--dest", folder];
    await run(["python3", "-m", "pip", ...download, "--requirement", REQUIREMENTS], { report });
    const [file = ""] = await readdir(folder);
    await rename(join(folder, file), wheel);
    return wheel;
  } catch (error) {
    if (error instanceof SetupError) throw error;
    throw new SetupError(`Fetching Buildbot's web page with pip failed:\n${lastWords(error)}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function ensurePip(report: Report): Promise<void> {
  if (await succeeds(["python3", "-m", "pip", "--version"])) return;
  if (process.getuid?.() !== 0)
    throw new SetupError(
      "Buildbot's web page comes with pip, and there is none. Install it (`sudo apt-get install python3-pip`), or leave the system ci out.",
    );
  await aptInstall(["python3-pip"], report);
}
