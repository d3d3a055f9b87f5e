import { existsSync, readFileSync } from "node:fs";
import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { digestOf } from "../../components/core/digest";
import { download } from "./download";
import { goBuild } from "./go-build";
import { CACHE, PROJECT_ROOT } from "./paths";
import { Report, run, succeeds } from "./shell";
import { PLUGINS, PULUMI_VERSION } from "./versions";

type Plugin = keyof typeof PLUGINS;
const PLUGIN_NAMES = Object.keys(PLUGINS) as Plugin[];

/** Where released programs and plugins are put, so that the user's own are left alone. */
const RELEASED = { bin: join(CACHE, `pulumi-${PULUMI_VERSION}`), home: join(CACHE, "pulumi-home") };

/** Where those are that were built from toolchain/, of this very state of its sources. */
const BUILT = {
  bin: join(
    CACHE,
    `pulumi-${PULUMI_VERSION}-${digestOf(PROJECT_ROOT, ["toolchain/cli", "toolchain/language-host", "scripts/setup/go-build.ts"])}`,
  ),
  home: join(CACHE, `pulumi-home-${digestOf(PROJECT_ROOT, ["toolchain/providers", "scripts/setup/go-build.ts"])}`),
};

const USER_HOME = process.env.PULUMI_HOME ?? join(homedir(), ".pulumi");

/** Which CLI and which home a command uses. */
export interface PulumiInstallation {
  /** Folder to put first on the PATH; undefined where the CLI is there already. */
  readonly bin: string | undefined;
  readonly home: string;
}

/** The installation as it is now, or undefined where the CLI or a plugin is missing. Looks at files only, so it costs nothing. */
export function findPulumi(): PulumiInstallation | undefined {
  const bin = ownBin();
  if (bin === undefined && !onPath("pulumi")) return undefined;
  const home = [...(bin === undefined ? [USER_HOME] : []), RELEASED.home, BUILT.home].find(
    (candidate) => missingPlugins(candidate).length === 0,
  );
  return home === undefined ? undefined : { bin, home };
}

function ownBin(): string | undefined {
  return [RELEASED.bin, BUILT.bin].find((bin) => existsSync(join(bin, "complete")));
}

/** Has the CLI: the one on the PATH if it is of this major version, else downloaded, else built. */
export async function ensureCli(report: Report): Promise<void> {
  if (ownBin() !== undefined) return;
  if (onPath("pulumi") && (await run(["pulumi", "version"])).startsWith("v3.")) return;
  report("asking for the released CLI");
  if (await inWhole(RELEASED.bin, downloadCli)) return;
  await inWhole(BUILT.bin, async (folder) => {
    await goBuild("toolchain/cli", "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi", join(folder, "pulumi"), report, {
      // Without it `pulumi version` says nothing, and the Automation API refuses the CLI.
      "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version": `v${PULUMI_VERSION}`,
    });
    await goBuild(
      "toolchain/language-host",
      "github.com/pulumi/pulumi/sdk/v3/nodejs/cmd/pulumi-language-nodejs",
      join(folder, "pulumi-language-nodejs"),
      report,
    );
    return true;
  });
}

/** Fills a folder that appears under its name only when `fill` says that it is complete. */
async function inWhole(folder: string, fill: (part: string) => Promise<boolean>): Promise<boolean> {
  const part = `${folder}.${process.pid}`;
  try {
    await mkdir(part, { recursive: true });
    if (!(await fill(part))) return false;
    await writeFile(join(part, "complete"), PULUMI_VERSION);
    await rm(folder, { recursive: true, force: true });
    await rename(part, folder);
    return true;
  } finally {
    await rm(part, { recursive: true, force: true });
  }
}

async function downloadCli(folder: string): Promise<boolean> {
  const base = "https://github.com/pulumi/pulumi/releases/download";
  const architecture = process.arch === "arm64" ? "arm64" : "x64";
  const name = `pulumi-v${PULUMI_VERSION}-${process.platform}-${architecture}.tar.gz`;
  const archive = await download(`${base}/v${PULUMI_VERSION}/${name}`, `${base}/v${PULUMI_VERSION}/pulumi-${PULUMI_VERSION}-checksums.txt`);
  if (archive === undefined) return false;
  await writeFile(join(folder, name), archive);
  await run(["tar", "--extract", "--gzip", "--strip-components=1", "--file", name], { cwd: folder });
  await rm(join(folder, name));
  return true;
}

/** Has the plugins that the program needs: those in the user's home, else Pulumi's own, else built from toolchain/. */
export async function ensurePlugins(report: Report): Promise<void> {
  if (findPulumi() !== undefined) return;
  const install = (plugin: Plugin, ...rest: string[]) =>
    ["pulumi", "plugin", "install", "resource", plugin, PLUGINS[plugin], "--non-interactive", ...rest] as const;
  const env = (home: string) => pulumiPath({ bin: ownBin(), home });
  for (const { home } of [RELEASED, BUILT]) await keepNoLog(home);
  for (const plugin of missingPlugins(RELEASED.home)) {
    report(`asking for the released ${plugin} plugin`);
    // One refusal says that there is no way out; the next need not be asked.
    if (!(await succeeds([...install(plugin)], { env: env(RELEASED.home), timeout: 120_000 }))) break;
  }
  if (findPulumi() !== undefined) return;
  for (const [plugin, binary] of Object.entries(await buildPlugins(report)) as [Plugin, string][]) {
    await run([...install(plugin, "--reinstall", "--file", binary)], { env: env(BUILT.home) });
  }
}

/**
 * Keeps Pulumi from its own log: all properties of all resources at every run, up to 500 MB of them, and a tenth of a preview's time. It
 * has no option for that, but does without where a file lies in the place of the log's folder.
 */
async function keepNoLog(home: string): Promise<void> {
  await mkdir(home, { recursive: true });
  const place = join(home, "logs");
  if (!existsSync(place)) await writeFile(place, "Remove this file, and Pulumi writes a log of each run here.\n");
}

/** Builds the plugins from toolchain/, once for each state of their sources; returns where they are. */
export async function buildPlugins(report: Report): Promise<Record<Plugin, string>> {
  const folder = join(BUILT.home, "built");
  const built = {} as Record<Plugin, string>;
  for (const plugin of PLUGIN_NAMES) {
    built[plugin] = join(folder, `pulumi-resource-${plugin}`);
    if (!existsSync(built[plugin])) await goBuild("toolchain/providers", `./pulumi-resource-${plugin}`, built[plugin], report);
  }
  return built;
}

function missingPlugins(home: string): Plugin[] {
  return PLUGIN_NAMES.filter((plugin) => !existsSync(join(home, "plugins", `resource-${plugin}-v${PLUGINS[plugin]}`)));
}

function onPath(program: string): boolean {
  return (process.env.PATH ?? "").split(":").some((folder) => folder !== "" && existsSync(join(folder, program)));
}

/** What must be in the environment to use an installation. */
export function pulumiPath({ bin, home }: PulumiInstallation): Record<string, string> {
  return {
    PULUMI_HOME: home,
    PULUMI_SKIP_UPDATE_CHECK: "true",
    // The engine and its plugins live for seconds and stay small; by default they spend a tenth of these on collecting garbage.
    GOGC: process.env.GOGC ?? "400",
    ...(bin === undefined ? {} : { PATH: `${bin}:${process.env.PATH}` }),
  };
}

/**
 * What a project's `typescript: false` in its Pulumi.yaml means to the language host that is built from toolchain/. That is older than the CLI,
 * which no longer tells it by an argument, and would load a compiler that is not used.
 */
export function withoutTypeScript({ bin }: PulumiInstallation): Record<string, string> {
  if (bin !== BUILT.bin) return {};
  const required = `--require ${JSON.stringify(join(PROJECT_ROOT, "scripts", "setup", "no-typescript.cjs"))}`;
  const given = process.env.NODE_OPTIONS ?? "";
  return { NODE_OPTIONS: given.includes(required) ? given : `${given} ${required}`.trim() };
}

/** The backend that the user has logged in to, which wins over the state folder of the checkout. */
export function loggedInBackend(): string | undefined {
  const credentials = join(process.env.PULUMI_CREDENTIALS_PATH ?? USER_HOME, "credentials.json");
  if (!existsSync(credentials)) return undefined;
  const { current } = JSON.parse(readFileSync(credentials, "utf8")) as { current?: string };
  return current === "" ? undefined : current;
}

export const userCredentials = USER_HOME;
