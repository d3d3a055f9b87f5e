import { ExecaError, Options, execa } from "execa";

/** A set-up step that could not be done, with what the user can do. */
export class SetupError extends Error {}

/** Says how far a long step is; shown live behind its title. */
export type Report = (line: string) => void;

/** Runs a command to its end and returns what it printed; its last line is reported while it runs. */
export async function run(
  argv: readonly [string, ...string[]],
  { report, ...options }: Options & { report?: Report } = {},
): Promise<string> {
  const [command, ...args] = argv;
  const child = execa(command, args, { all: true, stdin: "ignore", ...options });
  child.all?.on("data", (chunk: Buffer) => {
    const line = chunk
      .toString()
      .trim()
      .split(/[\r\n]/)
      .pop()
      ?.trim();
    if (line) report?.(line.slice(0, 100));
  });
  const { stdout } = await child;
  return String(stdout);
}

/** Whether a command succeeds; what it prints is not shown. */
export async function succeeds(argv: readonly [string, ...string[]], options: Options = {}): Promise<boolean> {
  const [command, ...args] = argv;
  const { failed } = await execa(command, args, { stdin: "ignore", ...options, reject: false });
  return !failed;
}

/** What a failed command printed last, for an error that says why. */
export function lastWords(error: unknown): string {
  const said =
    error instanceof ExecaError
      ? String(error.all ?? error.stderr ?? error.shortMessage)
      : error instanceof Error
        ? error.message
        : String(error);
  return said.trim().split("\n").slice(-15).join("\n");
}
