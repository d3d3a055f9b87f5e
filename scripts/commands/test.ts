import { randomUUID } from "node:crypto";
import { mkdtemp, readFile, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
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
  testResults: {
    name: string;
    /** What ended the file itself, as a set-up that failed. */
    message: string;
    assertionResults: { status: string; fullName: string; failureMessages: string[] }[];
  }[];
}

/** Files that use one running stack, and so take turns. */
const SHARED = "shared";

/** Files with stacks of their own. */
const APART = "apart";

/** Folders of those files, the longest first: what begins last must not be long. */
const FOLDERS = ["stack/streams", "stack/changes", "stack/queue", "stack/data", "stack/own", "toolchain"];

/** Runs at once that take the long files, and those that take the short ones: three long ones would make each other miss what users wait for. */
const [LONG, SHORT] = [2, 1];

/** What measures in parts of a second, and so comes when nothing else runs. */
const ALONE = "alone";

/**
 * Runs the unit tier, then the stack tier on a real engine, and ends with a line `N passed, N failed`.
 *
 * `npm test -- unit` or `npm test -- stack` runs one tier; what follows goes to vitest: parts of files' names, then its options.
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
  for (const line of failures(reports)) console.log(line);
  console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
  return failed === 0 && passed > 0 ? 0 : 1;
}

/** What failed and why, once more at the end: the files' own reports are thousands of lines above. */
function failures(reports: readonly Report[]): string[] {
  return reports
    .flatMap(({ testResults }) => testResults)
    .flatMap(({ name, message, assertionResults }) => {
      const file = relative(PROJECT_ROOT, name);
      const cases = assertionResults
        .filter(({ status }) => status === "failed")
        .map(({ fullName, failureMessages }) => `failed: ${file} > ${fullName}\n${failureMessages.join("\n")}`);
      return message === "" ? cases : [...cases, `failed: ${file}\n${message}`];
    });
}

async function runUnitTier(filters: readonly string[]): Promise<Report> {
  return inFolder((folder) => runVitest("unit", filters, folder, {}));
}

async function runStackTier(filters: readonly string[]): Promise<Report[]> {
  await setup(["engine", "pulumi", "images"]);
  await ensureTools();
  return inFolder(async (folder) => {
    await toolchainFolder(folder);
    return stateOfItsOwn(async (env) => {
      const run = (project: string, args: readonly string[]) =>
        runVitest(project, args, folder, { ...env, DOCKYARD_TOOLCHAIN_BIN: folder });
      const firstOption = filters.findIndex((filter) => filter.startsWith("-"));
      const options = firstOption === -1 ? [] : filters.slice(firstOption);
      const files = await filesOf(APART, filters.slice(0, filters.length - options.length));
      const reports = await inTurns([() => run(SHARED, filters), ...files.map((file) => () => run(APART, [file, ...options]))]);
      return [...reports, await run(ALONE, filters)];
    });
  });
}

/** Test files of a part, in the order in which they begin. */
async function filesOf(project: string, names: readonly string[]): Promise<string[]> {
  const { stdout } = await execa("vitest", ["list", "--filesOnly", "--json", "--project", project, ...names], {
    cwd: PROJECT_ROOT,
    preferLocal: true,
  });
  const files = (JSON.parse(stdout) as { file: string }[]).map(({ file }) => relative(PROJECT_ROOT, file)).sort();
  const rank = (file: string) => FOLDERS.findIndex((folder) => file.startsWith(`test/${folder}/`));
  return files.sort((a, b) => rank(a) - rank(b));
}

/** Does all of the work, some of it at once: the long from the list's beginning, the short from its end. */
async function inTurns<T>(work: readonly (() => Promise<T>)[]): Promise<T[]> {
  const waiting = [...work];
  const done: T[] = [];
  const worker = async (take: () => (typeof waiting)[number] | undefined) => {
    for (let next = take(); next !== undefined; next = take()) done.push(await next());
  };
  await Promise.all([
    ...Array.from({ length: LONG }, () => worker(() => waiting.shift())),
    ...Array.from({ length: SHORT }, () => worker(() => waiting.pop())),
  ]);
  return done;
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
async function runVitest(project: string, args: readonly string[], folder: string, env: Record<string, string>): Promise<Report> {
  const report = join(folder, `${randomUUID()}.json`);
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${report}`];
  await execa("vitest", ["run", "--project", project, ...(args.length > 0 ? ["--passWithNoTests"] : []), ...reporters, ...args], {
    cwd: PROJECT_ROOT,
    preferLocal: true,
    stdio: ["ignore", "inherit", "inherit"],
    env,
    reject: false,
  });
  return readReport(report);
}

/** Programs that the stack tier needs beside those of the product, with the package that has each and what it is for. */
const TOOLS = [
  { program: "/usr/sbin/sshd", packageName: "openssh-server", purpose: "remote commands are tested against a server, which need not run" },
  { program: "/usr/bin/faketime", packageName: "faketime", purpose: "a preview is asked for in a month" },
] as const;

async function ensureTools(): Promise<void> {
  const missing: (typeof TOOLS)[number][] = [];
  for (const tool of TOOLS) if (!(await succeeds(["test", "-x", tool.program]))) missing.push(tool);
  if (missing.length === 0) return;
  const packages = missing.map(({ packageName }) => packageName);
  if (process.getuid?.() !== 0) {
    const purposes = missing.map(({ packageName, purpose }) => `${packageName}: ${purpose}`).join("; ");
    throw new SetupError(
      `The stack tier needs programs that are not here (${purposes}); \`sudo apt-get install ${packages.join(" ")}\` has them.`,
    );
  }
  await aptInstall(packages, () => undefined);
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
