import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { createInterface } from "node:readline";

/** Runs its arguments for each line that it reads, and prints a line of each run. */
const LOOP = 'while read -r _; do if said=$("$@" 2>&1 </dev/null); then echo well; else echo "status $?:" $said; fi; done';

interface Shell {
  readonly process: ChildProcessWithoutNullStreams;
  readonly answers: AsyncIterator<string>;
  /** What docker said. */
  faults: string;
}

/**
 * A command that is run in a container many times, one after the other and each time anew.
 *
 * Only the shell around it stays: to begin one by `docker exec` takes more of the CPU than most commands do. Where the container ends the shell
 * does too, and the next run begins another.
 */
export class RepeatedCommand {
  private shell: Shell | undefined;

  constructor(
    private readonly container: string,
    private readonly command: readonly string[],
  ) {}

  /** Runs it once. @throws {Error} with what it said where it failed, or where the container ended meanwhile. */
  async run(): Promise<void> {
    const shell = (this.shell ??= this.begin());
    shell.process.stdin.write("\n");
    const answer = await shell.answers.next();
    if (answer.done === true) {
      this.shell = undefined;
      throw new Error(`${this.container}: ${shell.faults.trim()}`);
    }
    if (answer.value !== "well") throw new Error(answer.value);
  }

  end(): void {
    this.shell?.process.stdin.end();
    this.shell = undefined;
  }

  private begin(): Shell {
    const process = spawn("docker", ["exec", "--interactive", this.container, "sh", "-c", LOOP, "sh", ...this.command]);
    const shell = { process, answers: createInterface({ input: process.stdout })[Symbol.asyncIterator](), faults: "" };
    process.stderr.on("data", (chunk: Buffer) => (shell.faults += chunk.toString()));
    // A shell that has ended takes no line any more: that it has is seen by its answers.
    process.stdin.on("error", () => undefined);
    return shell;
  }
}
