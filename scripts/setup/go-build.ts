import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { download } from "./download";
import { CACHE, PROJECT_ROOT } from "./paths";
import { Report, SetupError, lastWords, run, succeeds } from "./shell";
import { GO_VERSION } from "./versions";

/**
 * Builds one program of a Go module to `output`, which appears whole or not at all.
 *
 * @param module Folder of the module, from the project's root.
 * @param pkg Import path of the program, or `./…` inside the module.
 * @param variables Values that the linker puts into variables, by their full names.
 * @throws {SetupError} when there is no Go and none can be downloaded, or the build fails.
 */
export async function goBuild(
  module: string,
  pkg: string,
  output: string,
  report: Report,
  variables: Readonly<Record<string, string>> = {},
): Promise<void> {
  const go = await ensureGo(report);
  if (go === undefined) {
    throw new SetupError(
      `${pkg === "." ? module : pkg} cannot be built: there is no Go on the PATH, and none can be downloaded. Install Go 1.26 or later, or let this machine reach the network.`,
    );
  }
  await mkdir(dirname(output), { recursive: true });
  const part = `${output}.${process.pid}`;
  try {
    // Some packages take a gigabyte to compile: one process a core is what small machines bear.
    await run(
      [
        go,
        "build",
        "-mod=readonly",
        "-trimpath",
        "-buildvcs=false",
        `-p=${availableParallelism()}`,
        `-ldflags=${["-s", "-w", ...Object.entries(variables).map(([name, value]) => `-X ${name}=${value}`)].join(" ")}`,
        "-o",
        part,
        pkg,
      ],
      {
        cwd: join(PROJECT_ROOT, module),
        env: { CGO_ENABLED: "0" },
        report: (line) => report(line.startsWith("go: downloading") ? line : `compiling ${pkg}`),
      },
    );
    await rename(part, output);
  } catch (error) {
    throw new SetupError(`Building ${pkg} from ${module} failed:\n${lastWords(error)}`);
  } finally {
    await rm(part, { force: true });
  }
}

/**
 * Go's command: the one on the PATH, which gets itself the release that a module asks for, else one from the cache, else the official release.
 *
 * @returns undefined where there is none and none can be downloaded.
 */
async function ensureGo(report: Report): Promise<string | undefined> {
  if (await succeeds(["go", "version"])) return "go";
  const folder = join(CACHE, `go-${GO_VERSION}`);
  const go = join(folder, "bin", "go");
  if (existsSync(go)) return go;
  const name = `go${GO_VERSION}.linux-${process.arch === "arm64" ? "arm64" : "amd64"}.tar.gz`;
  report("asking for the released Go");
  const archive = await download(`https://dl.google.com/go/${name}`, `https://dl.google.com/go/${name}.sha256`);
  if (archive === undefined) return undefined;
  await mkdir(CACHE, { recursive: true });
  const part = await mkdtemp(join(CACHE, "go-"));
  try {
    await writeFile(join(part, name), archive);
    await run(["tar", "--extract", "--gzip", "--strip-components=1", "--file", name], { cwd: part });
    await rm(join(part, name));
    await rename(part, folder);
  } finally {
    await rm(part, { recursive: true, force: true });
  }
  return go;
}
