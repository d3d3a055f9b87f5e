import { join } from "node:path";
import { execa } from "execa";
import { TestStack } from "./test-stack";

const PROJECT_ROOT = join(import.meta.dirname, "..", "..", "..");

/** What a command of package.json ended with. */
export interface Ended {
  readonly code: number | undefined;
  readonly stdout: string;
  /** All that it printed. */
  readonly all: string;
}

/** Runs a command of package.json on a stack, as a user would from a terminal that is none. */
export async function npmRun(stack: TestStack, command: string, ...options: readonly string[]): Promise<Ended> {
  const script = join(PROJECT_ROOT, "scripts", "dockyard.mjs");
  const { exitCode, stdout, all } = await execa(
    process.execPath,
    [script, command, "--cwd", stack.folder, "--stack", stack.name, ...options],
    { all: true, stdin: "ignore", reject: false },
  );
  return { code: exitCode, stdout, all };
}
