import { mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { aptInstall } from "../setup/engine";
import { stateOfItsOwn } from "../setup/environment";
import { PROJECT_ROOT } from "../setup/paths";
import { buildPlugins, findPulumi } from "../setup/pulumi";
import { setup } from "../setup/setup";
import { SetupError, succeeds } from "../setup/shell";

/** What vitest's JSON report says of a run. */
interface Report {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  success: boolean;
}

/** Parts of the stack tier that run side by side, since each mostly waits for containers; of the same length, about. */
const LANES = [["shared", "queue", "streams"], ["own"], ["data"]] as const;

/** What measures in parts of a second, and so comes when nothing else runs. */
const ALONE = "alone";

/**
 * Runs the unit tier, then the stack tier on a real engine, and ends with a line `N passed, N failed`.
 *
 * `npm test -- unit` or `npm test -- stack` runs one tier; what follows goes to vitest, such as a part of a file's name.
 */
export default async function test(args: readonly string[]): Promise<number> {
  const [tier, ...rest] = args;
  const tiers = tier === "unit" || tier === "stack" ? [tier] : ["unit", "stack"];
  const filters = tiers.length === 1 ? rest : args;
  const reports: Report[] = [];
  if (tiers.includes("unit")) reports.push(await runUnitTier(filters));
  if (tiers.includes("stack")) reports.push(...(await runStackTier(filters)));
  const sum = (count: (report: Report) => number) => reports.reduce((total, report) => total + count(report), 0);
  const [passed, skipped] = [sum((report) => report.numPassedTests), sum((report) => report.numPendingTests)];
  // A run that fails without a failed test, by a set-up or a stray error, is a failure too.
  const failed = sum(({ success, numFailedTests }) => (success ? 0 : Math.max(numFailedTests, 1)));
  console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
  return failed === 0 && passed > 0 ? 0 : 1;
}

async function runUnitTier(filters: readonly string[]): Promise<Report> {
  return inFolder((folder) => runVitest("unit", filters, folder, {}));
}

async function runStackTier(filters: readonly string[]): Promise<Report[]> {
  await setup(["engine", "pulumi", "images"]);
  await ensureSshServer();
  return inFolder(async (folder) => {
    await toolchainFolder(folder);
    return stateOfItsOwn(async (env) => {
      const run = (projects: readonly string[]) => runInTurn(projects, filters, folder, { ...env, DOCKYARD_TOOLCHAIN_BIN: folder });
      const lanes = await Promise.all(LANES.map(run));
      return [...lanes.flat(), ...(await run([ALONE]))];
    });
  });
}

async function runInTurn(
  projects: readonly string[],
  filters: readonly string[],
  folder: string,
  env: Record<string, string>,
): Promise<Report[]> {
  const reports: Report[] = [];
  for (const project of projects) reports.push(await runVitest(project, filters, folder, env));
  return reports;
}

async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "dockyard-test-"));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** A part of the tests without any is a failure, but where only some were asked for. */
async function runVitest(project: string, filters: readonly string[], folder: string, env: Record<string, string>): Promise<Report> {
  const report = join(folder, `${project}.json`);
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  await execa("vitest", ["run", "--project", project, ...(filters.length > 0 ? ["--passWithNoTests"] : []), ...reporters, ...filters], {
    cwd: PROJECT_ROOT,
    preferLocal: true,
    stdio: ["ignore", "inherit", "inherit"],
    env,
    reject: false,
  });
  return readReport(report);
}

/** The remote commands are tested against a real server. */
async function ensureSshServer(): Promise<void> {
  if (await succeeds(["test", "-x", "/usr/sbin/sshd"])) return;
  if (process.getuid?.() !== 0)
    throw new SetupError("The stack tier needs an SSH server's program; `sudo apt-get install openssh-server` has it. It need not run.");
  await aptInstall(["openssh-server"], () => undefined);
}

/** Puts the plugins from toolchain/ and the CLI in use side by side, built here also where the released ones are used otherwise. */
async function toolchainFolder(folder: string): Promise<void> {
  const bin = findPulumi()?.bin ?? (await execa("sh", ["-c", 'dirname "$(command -v pulumi)"'])).stdout;
  for (const program of ["pulumi", "pulumi-language-nodejs"]) await symlink(join(bin, program), join(folder, program));
  for (const [name, binary] of Object.entries(await buildPlugins(() => undefined)))
    await symlink(binary, join(folder, `pulumi-resource-${name}`));
}

async function readReport(file: string): Promise<Report> {
  try {
    return JSON.parse(await readFile(file, "utf8")) as Report;
  } catch {
    throw new SetupError("vitest ended without a report; what it printed above says why.");
  }
}
