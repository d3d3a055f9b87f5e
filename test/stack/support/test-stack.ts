import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, relative, resolve } from "node:path";
import { execa } from "execa";
import { removeLeftovers } from "./engine";

const PROJECT_ROOT = join(import.meta.dirname, "..", "..", "..");

/** Settings of a stack, by section, as in Pulumi.dev.yaml without the project's name. */
export type Settings = Readonly<Record<string, unknown>>;

/** One thing that a preview says it would do. */
export interface PlannedStep {
  readonly op: string;
  readonly name: string;
  readonly type: string;

  /** Inputs for which it is done, and those of them that it has to be replaced for. */
  readonly reasons: readonly string[];
  readonly replacing: readonly string[];
}

/** A stack of the tests' own: its state and configuration are in a folder of its own, its names begin with the project and `test-`. */
export class TestStack {
  private readonly initial: Settings;

  constructor(
    readonly folder: string,
    readonly name: string,
    private settings: Settings,
  ) {
    this.initial = settings;
  }

  /** @param program Entry of the program that the stack runs, from the project's root. */
  static async create(name: string, settings: Settings, program = "program.cjs"): Promise<TestStack> {
    const folder = await mkdtemp(join(tmpdir(), `dockyard-${name}-`));
    // Pulumi takes a program outside of its own folder only by a relative path.
    const main = relative(folder, resolve(PROJECT_ROOT, program));
    await writeFile(
      join(folder, "Pulumi.yaml"),
      `name: dockyard\nruntime:\n  name: nodejs\n  options:\n    typescript: false\nmain: ${main}\n`,
    );
    const stack = new TestStack(folder, name, settings);
    await removeLeftovers(stack.label);
    await stack.configure(settings);
    await stack.pulumi("stack", "init", name);
    return stack;
  }

  get label(): string {
    return `dockyard-${this.name}`;
  }

  /** Name on the engine of a node's container. */
  container(node: string): string {
    return `${this.label}-${node}`;
  }

  /** Replaces sections of the settings. */
  async configure(settings: Settings): Promise<void> {
    this.settings = { ...this.settings, ...settings };
    const config = Object.fromEntries(Object.entries(this.settings).map(([section, value]) => [`dockyard:${section}`, value]));
    // JSON is YAML.
    await writeFile(join(this.folder, `Pulumi.${this.name}.yaml`), JSON.stringify({ config }));
  }

  /** Takes all settings back to those that the stack began with. */
  async reset(): Promise<void> {
    this.settings = this.initial;
    await this.configure({});
  }

  async up(settings: Settings = {}, ...options: string[]): Promise<string> {
    await this.configure(settings);
    return this.pulumi("up", "--yes", "--skip-preview", "--stack", this.name, ...options);
  }

  /** What `up` says that must not go through since a node cannot be spared, which is waited for shorter than by itself. */
  async refusedUp(settings: Settings): Promise<string> {
    await this.configure(settings);
    const args = ["up", "--yes", "--skip-preview", "--stack", this.name, "--non-interactive"];
    const { exitCode, stdout, stderr } = await execa("pulumi", args, {
      cwd: this.folder,
      stdin: "ignore",
      reject: false,
      env: { DOCKYARD_SPARE_SECONDS: "5" },
    });
    if (exitCode === 0) throw new Error(`up went through:\n${stdout}`);
    return stdout + stderr;
  }

  /** What `up` would do; empty where nothing changes. */
  async preview(settings: Settings = {}, ...options: string[]): Promise<PlannedStep[]> {
    await this.configure(settings);
    return plannedSteps(await this.pulumi("preview", "--json", "--stack", this.name, ...options));
  }

  /** What `up` would do so many days later, as the program's clock says. @throws {Error} with what it says where it refuses. */
  async previewAfter(days: number): Promise<PlannedStep[]> {
    // Pulumi itself and its plugins, which are no programs in C, see the clock as it is.
    const args = ["-f", `+${days}d`, "pulumi", "preview", "--json", "--stack", this.name, "--non-interactive"];
    const { failed, stdout, stderr } = await execa("faketime", args, { cwd: this.folder, stdin: "ignore", reject: false });
    if (failed) throw new Error(stdout + stderr);
    return plannedSteps(stdout);
  }

  /** What preview says when it refuses the settings; fails where it does not refuse them. */
  async refusal(settings: Settings): Promise<string> {
    await this.configure(settings);
    const { exitCode, stdout, stderr } = await execa("pulumi", ["preview", "--stack", this.name, "--non-interactive", "--color", "never"], {
      cwd: this.folder,
      stdin: "ignore",
      reject: false,
    });
    if (exitCode === 0) throw new Error(`preview refused nothing:\n${stdout}`);
    return stdout + stderr;
  }

  async refresh(): Promise<void> {
    await this.pulumi("refresh", "--yes", "--skip-preview", "--stack", this.name);
  }

  /** What a user's own `pulumi destroy` does: containers and networks go, data stays. */
  async destroy(...options: string[]): Promise<void> {
    await this.pulumi("destroy", "--yes", "--skip-preview", "--stack", this.name, ...options);
  }

  async outputs<T>(): Promise<T> {
    return JSON.parse(await this.pulumi("stack", "output", "--json", "--stack", this.name)) as T;
  }

  /** The same with what is secret in clear. */
  async secretOutputs<T>(): Promise<T> {
    return JSON.parse(await this.pulumi("stack", "output", "--json", "--show-secrets", "--stack", this.name)) as T;
  }

  /** Ends the stack, and removes what is meant to outlive others: its volumes and its state. */
  async remove(): Promise<void> {
    await removeLeftovers(this.label);
    await rm(this.folder, { recursive: true, force: true });
    // One of the same name begins with nothing: neither an older state to go back to nor what was brought up before.
    const kept = [
      this.inBackend("stacks", ".json.bak"),
      this.inBackend("backups"),
      this.inBackend("history"),
      this.inBackend("../.dockyard"),
    ];
    for (const path of [await this.stateFile(), this.locksFolder, ...kept]) await rm(path, { recursive: true, force: true });
  }

  /** Locks that runs have left on the stack, by their files' names. */
  async locks(): Promise<string[]> {
    const names = await readdir(this.locksFolder).catch(() => []);
    return names.filter((name) => name.endsWith(".json"));
  }

  private get locksFolder(): string {
    return this.inBackend("locks/organization");
  }

  /** Runs Pulumi on this stack; what it prints is in the error where it fails. */
  async pulumi(...args: string[]): Promise<string> {
    const { stdout } = await execa("pulumi", [...args, "--non-interactive"], { cwd: this.folder, stdin: "ignore" });
    return stdout;
  }

  /** Where the backend keeps the stack's state. */
  async stateFile(): Promise<string> {
    return this.inBackend("stacks", ".json");
  }

  /** A place of the stack in the folder of the backend. */
  private inBackend(kind: string, ending = ""): string {
    return join(new URL(process.env.PULUMI_BACKEND_URL ?? "").pathname, ".pulumi", ...kind.split("/"), "dockyard", `${this.name}${ending}`);
  }

  /** The stack's state as it is stored, secrets encrypted. */
  async storedState(): Promise<string> {
    return readFile(await this.stateFile(), "utf8");
  }
}

/** What `preview --json` says that would change. */
function plannedSteps(said: string): PlannedStep[] {
  const { steps } = JSON.parse(said) as { steps: { op: string; urn: string; diffReasons?: string[]; replaceReasons?: string[] }[] };
  return steps
    .filter(({ op }) => !["same", "read", "refresh"].includes(op))
    .map(({ op, urn, diffReasons: reasons = [], replaceReasons: replacing = [] }) => {
      const [, , types = "", name = ""] = urn.split("::");
      return { op, name, type: types.split("$").pop() ?? "", reasons, replacing };
    });
}

/** A port of 127.0.0.1 that nobody listens on, with the next `count - 1` ones. */
export async function freePorts(count: number): Promise<number> {
  for (let port = 21_000 + Math.floor(Math.random() * 8000); ; port += count) {
    const free = await Promise.all(Array.from({ length: count }, (_, index) => isFree(port + index)));
    if (free.every(Boolean)) return port;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
