import { setTimeout as wait } from "node:timers/promises";
import { SetupError, lastWords, run, succeeds } from "../setup/shell";
import { Target, pulumiOutput } from "../stack";
import { Difference, RepairGate, isMadeAnew } from "./difference";
import { findDrift } from "./drift";

/** What was changed by hand and an `up` puts back, less what the program changes by now anyhow. */
export interface ChangedByHand {
  /** Data volumes whose folder was deleted while their containers run: nothing puts them back. */
  readonly deleted: readonly Difference[];
  /** Networks that are gone. */
  readonly networks: readonly Difference[];
  readonly settings: readonly Difference[];
  readonly configurations: readonly Difference[];
  readonly keys: readonly Difference[];
  /** Containers that nothing puts back as they are. */
  readonly unmendable: readonly Difference[];
  /** Why something could not be asked, a sentence each. */
  readonly unanswered: readonly string[];
}

/**
 * Looks what was changed by hand.
 *
 * @param options Options for Pulumi by which the program is another one.
 * @throws {SetupError} with the program's own words where something was changed and the program is refused.
 */
export async function changedByHand(target: Target, options: readonly string[]): Promise<ChangedByHand> {
  const { differences, deleted, unanswered } = await findDrift(target);
  const mendable = differences.filter(({ kind, repair }) => repair !== undefined || ["settings", "network"].includes(kind));
  const planned = mendable.length > 0 ? await plannedChanges(target, options) : new Set<string>();
  const own = mendable.filter(({ urn }) => !planned.has(urn));
  const ofKind = (kind: Difference["kind"]) => own.filter((each) => each.kind === kind);
  return {
    deleted,
    networks: ofKind("network"),
    settings: ofKind("settings").filter((each) => !isMadeAnew(each)),
    configurations: ofKind("configuration"),
    keys: ofKind("key"),
    unmendable: own.filter(isMadeAnew),
    unanswered,
  };
}

/** The resources of which the program says something else by now than the state does: an `up` changes them anyhow, each in its turn. */
async function plannedChanges(target: Target, options: readonly string[]): Promise<ReadonlySet<string>> {
  const preview = ["preview", "--stack", target.stack, "--non-interactive", ...options];
  const printed = await pulumiOutput(target, [...preview, "--json"]).catch(async (error: unknown) => {
    // Why a program is refused can be read only without JSON.
    await pulumiOutput(target, [...preview, "--suppress-progress"]);
    throw error;
  });
  const { steps } = JSON.parse(printed) as { steps: { op: string; urn: string }[] };
  return new Set(steps.filter(({ op }) => op !== "same").map(({ urn }) => urn));
}

/**
 * Puts back what was changed by hand, as it was made and without making anything anew.
 *
 * Where several nodes of a cluster are put back, each waits for the one before to be whole, as in a roll.
 *
 * @throws {SetupError} naming what cannot be put back, and why.
 */
export async function putBack(differences: readonly Difference[]): Promise<void> {
  const done = new Set<string>();
  const gated = await gatedClusters(differences);
  for (const { kind, name, differs, urn, repair } of differences) {
    if (repair === undefined) continue;
    console.log(`Putting back the ${kind} ${name}: ${differs}.`);
    // What differs in several ways is put back as a whole.
    const key = JSON.stringify([urn, repair.commands]);
    if (done.has(key)) continue;
    done.add(key);
    try {
      for (const command of repair.commands)
        await run(command, repair.input === undefined ? {} : { stdin: undefined, input: repair.input });
    } catch (error) {
      throw new SetupError(`The ${kind} ${name} cannot be put back: ${lastWords(error)}`);
    }
    if (repair.gate !== undefined && gated.has(repair.gate.cluster)) await waitForWhole(`${kind} ${name}`, repair.gate);
  }
}

/** Milliseconds for the nodes of a cluster to say whether they are whole before any of them is touched. */
const WHOLE_NOW = 15_000;

/**
 * The clusters of which several nodes are put back, and that are whole now, so that they can be whole in between. One that is not has to be put
 * back before it can be: what was changed may be what ails it.
 */
async function gatedClusters(differences: readonly Difference[]): Promise<ReadonlySet<string>> {
  const gates = differences.flatMap(({ repair }) => repair?.gate ?? []);
  const clusters = [...new Set(gates.map(({ cluster }) => cluster))];
  const whole = await Promise.all(
    clusters.map(async (cluster) => {
      const scripts = [...new Set(gates.filter((gate) => gate.cluster === cluster).map((gate) => gate.whole))];
      if (scripts.length < 2) return [];
      const nodes = await Promise.all(scripts.map((script) => succeeds(["sh", "-c", script], { timeout: WHOLE_NOW })));
      return nodes.every(Boolean) ? [cluster] : [];
    }),
  );
  return new Set(whole.flat());
}

async function waitForWhole(what: string, { whole }: RepairGate): Promise<void> {
  console.log(`Waiting for the node of the ${what} to be whole.`);
  try {
    await run(["sh", "-c", whole]);
  } catch (error) {
    throw new SetupError(
      `The ${what} is put back, and its node does not become whole; the others of its cluster stay as they are: ${lastWords(error)}`,
    );
  }
}

/** Milliseconds between two looks at what is about to answer, and how long it is waited for. */
const [PAUSE, PATIENCE] = [2000, 60_000];

/** Looks again until all that is asked answers: what has just been started needs a while. */
export async function whenAnswered(look: () => Promise<ChangedByHand>): Promise<ChangedByHand> {
  const deadline = Date.now() + PATIENCE;
  for (;;) {
    const seen = await look();
    if (seen.unanswered.length === 0 || Date.now() > deadline) return seen;
    await wait(PAUSE);
  }
}
