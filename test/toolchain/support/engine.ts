/** Runs Pulumi programs of a test with the toolchain's engine and plugins. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { type EngineEvent, LocalWorkspace, type PulumiFn, type Stack } from "@pulumi/pulumi/automation/index.js";

/** The directory of the toolchain's programs. */
export function toolchainBin(): string {
  const bin = process.env.DOCKYARD_TOOLCHAIN_BIN;
  if (bin === undefined) {
    throw new Error("DOCKYARD_TOOLCHAIN_BIN must name the directory with pulumi and the pulumi-resource-* plugins");
  }
  return bin;
}

/** A Pulumi program. What it returns are the stack's outputs. */
export type Program = () => unknown;

/** What one run of the engine did. */
export interface Run {
  /** The operation done on each resource, by the resource's name, "same" left out. */
  readonly steps: Record<string, string>;
  /** The lines that resources wrote to Pulumi's log. */
  readonly log: string[];
  readonly outputs: Record<string, unknown>;
}

/** A stack in a directory and an engine home of its own. */
export class Engine {
  private constructor(
    /** An empty directory, which is also where the plugins run. */
    readonly directory: string,
    private readonly stack: Stack,
  ) {}

  static async create(): Promise<Engine> {
    const directory = mkdtempSync(join(tmpdir(), "dockyard-toolchain-"));
    // The engine looks for its plugins on the path, and the automation API for the engine.
    process.env.PATH = [toolchainBin(), process.env.PATH].join(delimiter);
    const stack = await LocalWorkspace.createStack(
      { stackName: "test", projectName: "toolchain", program: inline(() => undefined) },
      {
        workDir: directory,
        pulumiHome: join(directory, ".pulumi-home"),
        projectSettings: { name: "toolchain", runtime: "nodejs" },
        envVars: {
          PULUMI_BACKEND_URL: `file://${directory}`,
          PULUMI_CONFIG_PASSPHRASE: "test",
          PULUMI_SKIP_UPDATE_CHECK: "true",
        },
      },
    );
    return new Engine(directory, stack);
  }

  /** Brings the stack up, or cancels that when the signal is given. */
  up(program: Program, signal?: AbortSignal): Promise<Run> {
    return this.record(async (onEvent) => (await this.stack.up({ program: inline(program), onEvent, signal })).outputs);
  }

  preview(program: Program): Promise<Run> {
    return this.record(async (onEvent) => {
      await this.stack.preview({ program: inline(program), onEvent });
      return {};
    });
  }

  /** Refreshes the stack and previews the program after that. */
  async refresh(program: Program): Promise<Run> {
    await this.stack.refresh();
    return this.preview(program);
  }

  /** @param options Which resources alone are destroyed, as patterns of their URNs. */
  destroy(options: { target?: string[] } = {}): Promise<Run> {
    return this.record(async (onEvent) => {
      await this.stack.destroy({ ...options, onEvent });
      return {};
    });
  }

  /** The state of the stack as it lies on disk. */
  state(): string {
    return readFileSync(join(this.directory, ".pulumi/stacks/toolchain/test.json"), "utf8");
  }

  /** Destroys what is left of the stack and removes its directory. */
  async dispose(): Promise<void> {
    await this.stack.destroy();
    rmSync(this.directory, { recursive: true, force: true });
  }

  private async record(run: (onEvent: (event: EngineEvent) => void) => Promise<object>): Promise<Run> {
    const steps: Record<string, string> = {};
    const log: string[] = [];
    const outputs = await run((event) => {
      const step = event.resourcePreEvent?.metadata ?? undefined;
      if (step !== undefined && step.op !== "same" && step.type !== "pulumi:pulumi:Stack") {
        const name = step.urn.split("::").at(-1) ?? step.urn;
        steps[name] = steps[name] === undefined ? step.op : `${steps[name]} ${step.op}`;
      }
      if (event.diagnosticEvent?.urn) {
        log.push(event.diagnosticEvent.message.trimEnd());
      }
    });
    return { steps, log, outputs: outputs as Record<string, unknown> };
  }
}

function inline(program: Program): PulumiFn {
  return async () => (await program()) as Record<string, unknown> | undefined;
}
