import { mkdir, rename, rm } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { PROJECT_ROOT } from "./paths";
import { Report, SetupError, lastWords, run, succeeds } from "./shell";

/**
 * Builds one program of a Go module to `output`, which appears whole or not at all.
 *
 * @param module Folder of the module, from the project's root.
 * @param pkg Import path of the program, or `./…` inside the module.
 * @param variables Values that the linker puts into variables, by their full names.
 * @throws {SetupError} when there is no Go, or the build fails.
 */
export async function goBuild(
  module: string,
  pkg: string,
  output: string,
  report: Report,
  variables: Readonly<Record<string, string>> = {},
): Promise<void> {
  if (!(await succeeds(["go", "version"]))) {
    throw new SetupError(
      `${pkg} can neither be downloaded nor built: there is no Go on the PATH. Install Go 1.26 or later, or let this machine reach the network.`,
    );
  }
  await mkdir(dirname(output), { recursive: true });
  const part = `${output}.${process.pid}`;
  try {
    // Some packages take a gigabyte to compile: one process a core is what small machines bear.
    await run(
      [
        "go",
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
