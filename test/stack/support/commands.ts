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
  return endOf(start(stack, command, options, {}));
}

/** The same of a command that can be interrupted as Ctrl-C does it: with all that it runs. */
export function npmStart(
  stack: TestStack,
  command: string,
  ...options: readonly string[]
): { ended: Promise<Ended>; interrupt: () => void } {
  const running = start(stack, command, options, { detached: true });
  return { ended: endOf(running), interrupt: () => void process.kill(-(running.pid ?? 0), "SIGINT") };
}

function start(stack: TestStack, command: string, options: readonly string[], how: { detached?: boolean }) {
  const script = join(PROJECT_ROOT, "scripts", "dockyard.mjs");
  const args = [script, command, "--cwd", stack.folder, "--stack", stack.name, ...options];
  return execa(process.execPath, args, { all: true, stdin: "ignore", reject: false, ...how });
}

async function endOf(running: ReturnType<typeof start>): Promise<Ended> {
  const { exitCode, stdout, all } = await running;
  return { code: exitCode, stdout, all };
}
