import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { execa } from "execa";
import { LineCounter, parseDocument } from "yaml";
import { backendUrl, pulumiEnvironment } from "./setup/environment";
import { PROJECT_ROOT } from "./setup/paths";
import { SetupError } from "./setup/shell";

/** The stack that a command is about. */
export interface Target {
  readonly stack: string;
  /** Folder of its Pulumi.yaml. */
  readonly cwd: string;
  /** The same in the user's checkout, whose backend and passphrase are used; another one than `cwd` only where an earlier program runs. */
  readonly checkout: string;
  readonly project: string;
  /** Value of the label `dockyard.stack` on all that the stack owns. */
  readonly label: string;
}

/**
 * Takes `--stack NAME` (`-s`, default dev) and `--cwd FOLDER` (`-C`, default this project) out of a command's arguments, as Pulumi calls them.
 *
 * @throws {SetupError} when an option has no value, or the folder holds no Pulumi project, or its files or the stack's are no YAML.
 */
export function parseTarget(args: readonly string[]): { target: Target; rest: string[] } {
  const rest = [...args];
  const stack = takeOnce(rest, ["--stack", "-s"]) ?? "dev";
  const cwd = resolve(takeOnce(rest, ["--cwd", "-C"]) ?? PROJECT_ROOT);
  const project = projectName(cwd);
  for (const name of ["Pulumi.yaml", `Pulumi.${stack}.yaml`]) refuseUnreadable(join(cwd, name));
  return { target: { stack, cwd, checkout: cwd, project, label: `${project}-${stack}` }, rest };
}

/** The same of an option that decides what a command is about: Pulumi takes the last of several, and what comes before it would have taken the first. */
function takeOnce(args: string[], names: readonly string[]): string | undefined {
  const value = takeOption(args, names);
  if (takeOption(args, names) !== undefined) throw new SetupError(`${names[0]} is given twice; give it once.`);
  return value;
}

/** Removes an option, written `--name value`, `--name=value` or, where its name is one letter, `-nvalue`, and returns its value. */
export function takeOption(args: string[], names: readonly string[]): string | undefined {
  const short = (arg: string) => names.find((name) => /^-\w$/.test(name) && arg.startsWith(name) && arg.length > name.length);
  const at = args.findIndex((arg) => names.includes(arg.split("=")[0] ?? "") || short(arg) !== undefined);
  if (at === -1) return undefined;
  const arg = args[at] ?? "";
  const letter = short(arg);
  const [name = "", ...joined] = letter === undefined ? arg.split("=") : [letter, arg.slice(letter.length).replace(/^=/, "")];
  const value = joined.length > 0 ? joined.join("=") : args[at + 1];
  args.splice(at, joined.length > 0 ? 1 : 2);
  if (value === undefined || value === "") throw new SetupError(`${name} must be followed by its value.`);
  return value;
}

/** Removes an option without a value, and says whether it was there. */
export function takeFlag(args: string[], names: readonly string[]): boolean {
  const at = args.findIndex((arg) => names.includes(arg));
  if (at !== -1) args.splice(at, 1);
  return at !== -1;
}

function projectName(cwd: string): string {
  try {
    const name = /^name:\s*["']?([\w.-]+)/m.exec(readFileSync(join(cwd, "Pulumi.yaml"), "utf8"))?.[1];
    if (name !== undefined) return name;
  } catch {
    // Said below: a missing file and one without a name have the same remedy.
  }
  throw new SetupError(`${cwd} has no Pulumi.yaml that names a project; give the folder of one with --cwd.`);
}

/** Pulumi reads a stack's file behind all that a command does first, and then tells the line without the file. */
function refuseUnreadable(file: string): void {
  if (!existsSync(file)) return;
  const lineCounter = new LineCounter();
  const [error] = parseDocument(readFileSync(file, "utf8"), { lineCounter, prettyErrors: false }).errors;
  if (error === undefined) return;
  const { line, col } = lineCounter.linePos(error.pos[0]);
  throw new SetupError(
    `${file}:${line}:${col}: must be YAML: ${error.message}. Mend it there and run the command again; nothing was done.`,
  );
}

/** Environment in which Pulumi runs on a stack. */
export function environmentOf({ cwd, checkout }: Target): Record<string, string> {
  const env = pulumiEnvironment(checkout);
  if (cwd === checkout) return env;
  // What an earlier program's Pulumi.yaml says of a backend, and what is relative to the folder, must not lead to another state.
  const passphrase = process.env.PULUMI_CONFIG_PASSPHRASE_FILE;
  return {
    ...env,
    PULUMI_BACKEND_URL: absoluteBackend(backendUrl(checkout), checkout),
    ...(passphrase !== undefined && { PULUMI_CONFIG_PASSPHRASE_FILE: resolve(checkout, passphrase) }),
  };
}

/** Folder of a `file://` backend, with `~` and relative paths as Pulumi takes them. */
export function backendFolder(url: string, cwd: string): string {
  const path = decodeURIComponent(url.slice("file://".length).split("?")[0] ?? "");
  return resolve(cwd, path.replace(/^~(?=\/|$)/, homedir()));
}

function absoluteBackend(url: string, cwd: string): string {
  if (!url.startsWith("file://")) return url;
  const [, query] = url.split("?");
  return `file://${encodeURI(backendFolder(url, cwd))}${query === undefined ? "" : `?${query}`}`;
}

/** Runs Pulumi in front of the user, who may interrupt it; its exit code is returned. */
export async function pulumi(target: Target, args: readonly string[], env: Record<string, string> = {}): Promise<number> {
  const running = execa("pulumi", args, {
    cwd: target.cwd,
    env: { ...environmentOf(target), ...env },
    stdio: "inherit",
    reject: false,
    // It ends what it has begun first, however long that takes.
    forceKillAfterDelay: false,
  });
  // Pulumi gets a Ctrl-C by itself, from the terminal, and ends cleanly: this process must outlive it, and hands other ends on.
  const ignore = () => undefined;
  const handOn = () => void running.kill("SIGTERM");
  process.on("SIGINT", ignore).on("SIGTERM", handOn).on("SIGHUP", handOn);
  try {
    const { exitCode = 1 } = await running;
    return exitCode;
  } finally {
    process.off("SIGINT", ignore).off("SIGTERM", handOn).off("SIGHUP", handOn);
  }
}

/** Runs Pulumi and returns what it prints. @throws {SetupError} with its own words where it fails. */
export async function pulumiOutput(target: Target, args: readonly string[], input?: string): Promise<string> {
  const { failed, stdout, stderr } = await execa("pulumi", args, {
    cwd: target.cwd,
    env: environmentOf(target),
    reject: false,
    ...(input === undefined ? { stdin: "ignore" } : { input }),
  });
  if (failed) throw new SetupError(`pulumi ${args.slice(0, 2).join(" ")} failed:\n${`${stdout}\n${stderr}`.trim()}`);
  return stdout;
}

/**
 * The state of the stack, as `pulumi stack export` prints it.
 *
 * @param secrets Whether what is secret is told in clear, for comparing in memory; it must be written nowhere. @default false
 * @returns undefined where the backend has no stack of that name.
 * @throws {SetupError} when the state cannot be read.
 */
export async function exportedStack(target: Target, { secrets = false } = {}): Promise<string | undefined> {
  const { stack, cwd } = target;
  const exported = await execa("pulumi", ["stack", "export", "--stack", stack, ...(secrets ? ["--show-secrets"] : [])], {
    cwd,
    env: environmentOf(target),
    stdin: "ignore",
    reject: false,
  });
  if (!exported.failed) return exported.stdout;
  if (!exported.stderr.includes("no stack named"))
    throw new SetupError(
      `The state of the stack ${stack} cannot be read; \`npm run up\` mends one that was cut in writing:\n${exported.stderr}`,
    );
  return undefined;
}

/** Makes the stack where the backend has none of that name. */
export async function ensureStack(target: Target): Promise<void> {
  if ((await exportedStack(target)) === undefined) await pulumiOutput(target, ["stack", "init", target.stack, "--non-interactive"]);
}

/** How an engine is reached: an argument array that begins every docker command. */
export type Docker = readonly [string, ...string[]];

/** A label of a resource as the state has it, `component` for `dockyard.component`; undefined where it has none. */
export function dockyardLabel(inputs: Readonly<Record<string, unknown>> | undefined, name: string): string | undefined {
  const labels = Array.isArray(inputs?.labels) ? (inputs.labels as { label?: string; value?: string }[]) : [];
  return labels.find((each) => each.label === `dockyard.${name}`)?.value;
}

export interface StackHost {
  readonly name: string;
  readonly docker: Docker;
}

/** The hosts that a stack's resources are on, as the providers in its state tell: one each, but for the engine of this machine, which needs none. */
export function stackHosts(
  resources: readonly {
    readonly type: string;
    readonly urn: string;
    readonly provider?: string;
    readonly inputs?: Record<string, unknown>;
  }[],
): readonly StackHost[] {
  const others = resources
    .filter(({ type, inputs }) => type === "pulumi:providers:docker" && typeof inputs?.host === "string")
    .map(({ urn, inputs }): StackHost => {
      const name =
        urn
          .split("::")
          .pop()
          ?.replace(/^host-/, "") ?? "";
      return { name, docker: ["docker", "-H", String(inputs?.host)] };
    });
  const usesLocal = resources.some(({ provider }) => provider?.includes("::pulumi:providers:docker::default") === true);
  return others.length === 0 || usesLocal ? [{ name: "local", docker: ["docker"] }, ...others] : others;
}
