import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as v from "valibot";
import { digestOfText } from "../../components/core/digest";
import { backendUrl } from "../setup/environment";
import { withoutRotations } from "../rotation/configured";
import { PRIVATE } from "../setup/paths";
import { SetupError } from "../setup/shell";
import { Target, backendFolder } from "../stack";

/** Deployments that are remembered. */
const MOST = 50;

const TREE = v.object({
  revision: v.optional(v.string()),
  commit: v.string(),
  tree: v.string(),
  folder: v.string(),
  /** Ref that keeps the commit. */
  ref: v.string(),
});

const DEPLOYMENT = v.object({
  /** When it began, as in ISO 8601. */
  began: v.string(),
  /** Left out while it runs, and where it was killed; `partial` where only some of the resources were meant. */
  result: v.optional(v.picklist(["succeeded", "failed", "partial"])),
  /** Time of the state that it left, as Pulumi writes it; left out where that could not be read. */
  state: v.optional(v.string()),
  /** Deployment whose inputs it brought back; left out of an `up`. */
  rollbackTo: v.optional(v.number()),
  /** Program, and Dockyard, which is in the same repository where the program is its own; left out where git has none of it. */
  program: v.optional(TREE),
  dockyard: v.optional(TREE),
  /** Options for Pulumi that are part of the configuration. */
  options: v.array(v.string()),
});

/** Files in a repository, as they were. */
export type Tree = v.InferOutput<typeof TREE>;
export type Result = NonNullable<v.InferOutput<typeof DEPLOYMENT>["result"]>;

/** What a deployment brought up. */
export interface Inputs extends Pick<v.InferOutput<typeof DEPLOYMENT>, "program" | "dockyard" | "options"> {
  /** Text of the stack's configuration file, its secrets encrypted; empty where there was none. */
  readonly configuration: string;
}

export interface Deployment extends v.InferOutput<typeof DEPLOYMENT>, Inputs {
  readonly number: number;
}

/** Where the deployments of a stack are noted: beside its state where that is in files, so that both are of the same stack. */
export function historyFolder({ checkout, project, stack }: Target): string {
  const backend = backendUrl(checkout);
  const home = backend.startsWith("file://")
    ? join(backendFolder(backend, checkout), ".dockyard")
    : join(PRIVATE, ".dockyard", digestOfText([backend]));
  return join(home, project, stack.replaceAll("/", "."));
}

const noteOf = (folder: string, number: number) => join(folder, String(number), "deployment.json");

/** File with a deployment's configuration. */
export function configurationFile(folder: string, number: number): string {
  return join(folder, String(number), "configuration.yaml");
}

/**
 * All deployments that are remembered, the oldest first.
 *
 * @throws {SetupError} naming a note that cannot be read.
 */
export function readHistory(folder: string): Deployment[] {
  return numbersIn(folder)
    .filter((number) => existsSync(noteOf(folder, number)))
    .map((number) => readDeployment(folder, number));
}

function readDeployment(folder: string, number: number): Deployment {
  try {
    const noted = v.parse(DEPLOYMENT, JSON.parse(readFileSync(noteOf(folder, number), "utf8")));
    return { ...noted, number, configuration: readFileSync(configurationFile(folder, number), "utf8") };
  } catch (error) {
    throw new SetupError(
      `The note of deployment ${number} cannot be read: ${error instanceof Error ? error.message : String(error)}\n` +
        `Put the folder ${join(folder, String(number))} back as it was, or remove it: the other deployments can be gone back to without it.`,
    );
  }
}

/** A number has its folder from the first moment on, so that two runs at once have two. */
function numbersIn(folder: string): number[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => /^[1-9]\d*$/.test(name))
    .map(Number)
    .sort((a, b) => a - b);
}

/** Takes the next number; nothing is noted under it yet. */
export function takeNumber(folder: string): number {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  for (let number = (numbersIn(folder).pop() ?? 0) + 1; ; number++) {
    try {
      mkdirSync(join(folder, String(number)), { mode: 0o700 });
      return number;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }
}

/** Notes a deployment; the note is there whole or not at all. */
export function noteDeployment(folder: string, { number, configuration, ...noted }: Deployment): void {
  writeWhole(configurationFile(folder, number), configuration);
  writeWhole(noteOf(folder, number), JSON.stringify(noted, undefined, 2));
}

function writeWhole(file: string, text: string): void {
  writeFileSync(`${file}.part`, text, { mode: 0o600 });
  chmodSync(`${file}.part`, 0o600);
  renameSync(`${file}.part`, file);
}

/** A span of time, in ms since 1970. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/**
 * When the deployments ran that came after the latest that succeeded: from their beginning, to the second, as an engine tells times, until the
 * state was written that they left; of one that was killed until the next began.
 */
export function brokenSpans(history: readonly Pick<Deployment, "began" | "result" | "state">[]): Span[] {
  const broken = history.slice(history.findLastIndex(({ result }) => result === "succeeded") + 1);
  return broken.map(({ began, state }, index) => {
    const end = state ?? broken[index + 1]?.began;
    return { from: Math.floor(Date.parse(began) / 1000) * 1000, to: end === undefined ? Infinity : Date.parse(end) };
  });
}

/** Whether two deployments bring up the same, but for secrets that were rotated in between. */
export function isSame(a: Inputs, b: Inputs): boolean {
  const essence = ({ program, dockyard, options, configuration }: Inputs) =>
    JSON.stringify([program?.tree, program?.folder, program && dockyard?.tree, options, withoutRotations(configuration)]);
  return essence(a) === essence(b);
}

/**
 * Those deployments that may be forgotten so that no more than `most` are left: first those that did not succeed, then those that brought up
 * the same as the next one, then the oldest. The latest one stays.
 *
 * A stack that is brought up every hour, or fails all night, must not lose what it could be taken back to.
 */
export function forgettable(history: readonly Deployment[], most = MOST): Deployment[] {
  const worth = (deployment: Deployment, index: number) => {
    const next = history[index + 1];
    if (next === undefined) return 3;
    if (deployment.result !== "succeeded") return 0;
    return next.result === "succeeded" && isSame(deployment, next) ? 1 : 2;
  };
  return history
    .map((deployment, index) => ({ deployment, worth: worth(deployment, index) }))
    .sort((a, b) => a.worth - b.worth || a.deployment.number - b.deployment.number)
    .slice(0, Math.max(0, history.length - most))
    .map(({ deployment }) => deployment);
}

export function removeNote(folder: string, { number }: Deployment): void {
  rmSync(join(folder, String(number)), { recursive: true, force: true });
}
