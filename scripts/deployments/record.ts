import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { PROJECT_ROOT } from "../setup/paths";
import { lastWords } from "../setup/shell";
import { Target, exportedStack } from "../stack";
import { originOf } from "./choose";
import { Place, forgetCommit, keepCommit, placeOf, repositoriesIn, takeSnapshot } from "./git";
import {
  Deployment,
  Inputs,
  Result,
  Tree,
  forgettable,
  historyFolder,
  noteDeployment,
  readHistory,
  removeNote,
  takeNumber,
} from "./history";

/** A deployment that has begun. */
export interface Begun {
  readonly deployment: Deployment;
  readonly end: (result: Result) => Promise<void>;
}

/**
 * Notes that a deployment begins, with all that it is made from.
 *
 * @param given Options for Pulumi of this run that are part of the configuration.
 * @param origin The deployment whose inputs are brought back; what they are is known then.
 */
export async function beginDeployment(target: Target, given: readonly string[], origin?: Deployment): Promise<Begun> {
  const folder = historyFolder(target);
  const number = takeNumber(folder);
  const ref = refOf(target, folder, number);
  const inputs = origin === undefined ? await currentInputs(target, given, ref) : await keptInputs(target, origin, ref);
  const deployment: Deployment = {
    ...inputs,
    number,
    began: new Date().toISOString(),
    ...(origin !== undefined && { rollbackTo: originOf(origin) }),
  };
  noteDeployment(folder, deployment);
  return {
    deployment,
    end: async (result) => {
      const ended = { ...deployment, result };
      noteDeployment(folder, ended);
      noteDeployment(folder, { ...ended, state: await timeOfState(target) });
      await forgetOldest(target, folder);
    },
  };
}

/** When the state was written last; undefined where there is none, or none that can be read. */
async function timeOfState(target: Target): Promise<string | undefined> {
  const exported = await exportedStack(target).catch(() => undefined);
  if (exported === undefined) return undefined;
  const { deployment } = JSON.parse(exported) as { deployment?: { manifest?: { time?: string } } };
  return deployment?.manifest?.time;
}

/**
 * Whether the stack was changed since its latest deployment ended, by a command that notes none, such as `pulumi up` or `npm run down`.
 *
 * Where it cannot be told, as of a state that was cut, the notes are believed.
 */
export async function isChangedSince(target: Target, latest: Deployment | undefined): Promise<boolean> {
  if (latest?.state === undefined) return false;
  const now = await timeOfState(target);
  return now !== undefined && Date.parse(now) > Date.parse(latest.state);
}

/** Refs of one history: two checkouts that share a repository have two of them, and so have two backends. */
function refOf({ label }: Target, folder: string, number: number): string {
  return `refs/dockyard/${label.replace(/[^\w-]+/g, "-")}-${createHash("sha256").update(folder).digest("hex").slice(0, 8)}/${number}`;
}

/** What an `up` would be made from now; nothing is kept of it without a ref. */
export async function currentInputs(target: Target, given: readonly string[], ref = ""): Promise<Inputs> {
  const { options, configuration } = splitConfiguration(target, given);
  const program = await treeOf(target.checkout, ref);
  const dockyard = program && (await treeOf(PROJECT_ROOT, ref));
  if (ref !== "") await tellLeftOut(target, { program, dockyard });
  return { program, dockyard, options, configuration };
}

/** A tree that cannot be taken down does not hold up what is to be brought up: it is said, and that there is no way back to it. */
async function treeOf(folder: string, ref: string): Promise<Tree | undefined> {
  try {
    const place = await placeOf(folder);
    const snapshot = place && (await takeSnapshot(place));
    if (place === undefined || snapshot === undefined) return undefined;
    if (ref !== "") await keepCommit(place.root, ref, snapshot.commit);
    return { ...snapshot, ref };
  } catch (error) {
    console.warn(
      `${folder} cannot be recorded, so that only the configuration of this deployment can be gone back to:\n${lastWords(error)}`,
    );
    return undefined;
  }
}

/** Says early what a rollback will refuse, while it can still be mended. */
async function tellLeftOut(target: Target, inputs: Pick<Inputs, "program" | "dockyard">): Promise<void> {
  const places = await placesOf(target, inputs);
  const roots = places.map(([{ root }]) => root);
  const inside = await Promise.all(places.map(([{ root }, { commit }]) => repositoriesIn(root, commit)));
  for (const folder of new Set(inside.flat().filter((path) => !roots.includes(path))))
    console.warn(
      `${folder} is a repository of its own, of which the program's holds no files, so that this deployment cannot be gone back to; ` +
        "where the program does not need it, have git ignore it.",
    );
}

async function keptInputs(target: Target, { program, dockyard, options, configuration }: Inputs, ref: string): Promise<Inputs> {
  for (const [place, tree] of await placesOf(target, { program, dockyard })) await keepCommit(place.root, ref, tree.commit);
  return { program: program && { ...program, ref }, dockyard: dockyard && { ...dockyard, ref }, options, configuration };
}

/** Where the repositories of a deployment's trees are now. */
export async function placesOf(
  { checkout }: Pick<Target, "checkout">,
  { program, dockyard }: Pick<Inputs, "program" | "dockyard">,
): Promise<(readonly [Place, Tree])[]> {
  const places = [[program && (await placeOf(checkout)), program] as const, [dockyard && (await placeOf(PROJECT_ROOT)), dockyard] as const];
  return places.flatMap(([place, tree]) => (place === undefined || tree === undefined ? [] : [[place, tree] as const]));
}

async function forgetOldest(target: Target, folder: string): Promise<void> {
  try {
    for (const deployment of forgettable(readHistory(folder))) {
      for (const [{ root }, { ref }] of await placesOf(target, deployment)) await forgetCommit(root, ref);
      removeNote(folder, deployment);
    }
  } catch (error) {
    // What was brought up is up: a history that is too long is no failure of it.
    console.warn(lastWords(error));
  }
}

/** Text of the stack's configuration as it is now; empty where there is none. */
export function configurationOf(target: Target, given: readonly string[] = []): string {
  return splitConfiguration(target, given).configuration;
}

/** Tells the options that set single values from the one that names another file than Pulumi's own, and reads that. */
function splitConfiguration({ stack, checkout }: Target, given: readonly string[]): { options: string[]; configuration: string } {
  const options = [...given];
  const at = options.findIndex((option) => /^--config-file(=|$)/.test(option));
  if (at === -1)
    return { options, configuration: textOf(join(checkout, configurationFolder(checkout), `Pulumi.${stack.split("/").pop()}.yaml`)) };
  const [, joined] = options[at]?.split("=") ?? [];
  const [, file = joined ?? ""] = options.splice(at, joined === undefined ? 2 : 1);
  return { options, configuration: textOf(resolve(checkout, file)) };
}

/** `stackConfigDir` of the project's Pulumi.yaml. */
function configurationFolder(checkout: string): string {
  const [, folder = "."] = /^stackConfigDir:\s*["']?([^\s"']+)/m.exec(textOf(join(checkout, "Pulumi.yaml"))) ?? [];
  return folder;
}

function textOf(file: string): string {
  return existsSync(file) ? readFileSync(file, "utf8") : "";
}
