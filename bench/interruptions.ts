import { type Interruption, type Run, anySeed, drawInterruptions, killDuring } from "../test/stack/support/interruptions";
import type { Figure } from "./bench";
import { InterruptedStack } from "./interrupted-stack";
import { noteFault } from "./interruption-notes";
import { median } from "./statistics";

/** How many points are drawn. */
const POINTS = Number(process.env.DOCKYARD_POINTS ?? 50);

/** Numbers of the draw that are tried, by `DOCKYARD_ONLY=31,41`; all of them where it is not set. */
const ONLY = (process.env.DOCKYARD_ONLY ?? "").split(",").filter(Boolean).map(Number);

/** What {@link killDuring} says where the command had ended before. */
const NOTHING = "nothing";

/** What became of one point. */
interface Outcome {
  readonly killed: string;
  readonly faults: readonly string[];
  /** Seconds of the `up` behind it. */
  readonly seconds: number;
}

/**
 * The engine, the program, a plugin, Pulumi or the whole command killed at random moments of `up`, and one more `up` behind each.
 *
 * Points follow one another on the same stack, so that what one of them left would be found by the next.
 */
export async function interruptions(): Promise<Figure[]> {
  const seed = anySeed();
  const points = drawInterruptions(seed, POINTS);
  const stack = await InterruptedStack.create();
  const outcomes: Outcome[] = [];
  try {
    const durations = await measure(stack);
    console.error(
      `DOCKYARD_SEED=${seed}: ${Object.entries(durations)
        .map(([run, ms]) => `${run} ${(ms / 1000).toFixed(1)} s`)
        .join(", ")}`,
    );
    for (const [index, point] of points.entries()) {
      if (ONLY.length > 0 && !ONLY.includes(index + 1)) continue;
      const outcome = await tryPoint(stack, index + 1, point, durations);
      // It ended before: how long it took by now is known better, and the same point is tried again.
      outcomes.push(outcome.killed === NOTHING ? await tryPoint(stack, index + 1, point, durations) : outcome);
    }
  } finally {
    await stack.remove();
  }
  return [figure(seed, outcomes)];
}

/** How long each kind of run takes that nobody interrupts, in ms. */
async function measure(stack: InterruptedStack): Promise<Record<Run, number>> {
  const durations = { first: 0, scale: 0, roll: 0, again: 0 };
  for (const run of Object.keys(durations) as Run[]) {
    await stack.prepare(run);
    const began = performance.now();
    await stack.succeeds("up");
    durations[run] = performance.now() - began;
    const faults = await stack.faults();
    if (faults.length > 0) throw new Error(`not whole after ${run}, though nothing was interrupted: ${faults.join("; ")}`);
  }
  return durations;
}

/** One point; where it does not converge all that is known of it is written down, and the next one gets a stack that is whole. */
async function tryPoint(
  stack: InterruptedStack,
  number: number,
  { run, victim, at }: Interruption,
  durations: Record<Run, number>,
): Promise<Outcome> {
  const afterMs = at * durations[run];
  await stack.prepare(run);
  const started = performance.now();
  const running = stack.up();
  const killed = await killDuring(running, victim, afterMs, { nth: Math.floor(at * 10), engine: stack.own.engine });
  const interrupted = (await running).all;
  if (killed === NOTHING) durations[run] = performance.now() - started;
  const began = performance.now();
  const { exitCode, all: up } = await stack.up();
  const seconds = (performance.now() - began) / 1000;
  const faults = [...(exitCode === 0 ? [] : [`up ended with ${exitCode}`]), ...(await stack.faults())];
  const point = `${number}. ${run}: ${victim} at ${afterMs.toFixed(0)} ms (${(at * 100).toFixed(0)} %), ${killed} killed`;
  console.error(`${point}; up took ${seconds.toFixed(1)} s: ${faults.length === 0 ? "as if nothing had happened" : faults.join("; ")}`);
  if (faults.length > 0) {
    console.error(`noted in ${await noteFault(stack.own, number, { point, interrupted, up, faults })}`);
    const late = await stack.untilWhole();
    console.error(late === undefined ? "nor was it later" : `whole ${late.toFixed(1)} s later by itself`);
    if (late === undefined) await makeWhole(stack, number, point);
  }
  return { killed, faults, seconds };
}

/** A stack for the next point, whatever this one left. */
async function makeWhole(stack: InterruptedStack, number: number, point: string): Promise<void> {
  try {
    await stack.beginAnew();
    await stack.succeeds("up");
  } catch (error) {
    const file = await noteFault(stack.own, number + 1000, {
      point: `begun anew after ${point}`,
      interrupted: "",
      up: String(error),
      faults: [],
    });
    console.error(`beginning anew failed as well, noted in ${file}; with another engine`);
    await stack.replaceEngine();
    await stack.succeeds("up");
  }
}

function figure(seed: number, outcomes: readonly Outcome[]): Figure {
  const converged = outcomes.filter(({ faults }) => faults.length === 0).length;
  const missed = outcomes.filter(({ killed }) => killed === NOTHING).length;
  const seconds = outcomes.map((outcome) => outcome.seconds);
  return {
    what: `engine, program, plugin, Pulumi or session killed at ${outcomes.length} random points of \`up\`, then one \`npm run up\``,
    measured:
      `${converged} of ${outcomes.length} converged; that \`up\` took ${median(seconds).toFixed(0)} s, ${Math.max(...seconds).toFixed(0)} s at the most` +
      (missed === 0 ? "" : `; ${missed} had ended before the kill`),
    beside: "–",
    bound: "all",
    holds: converged === outcomes.length,
    runs: `${outcomes.length} points, seed ${seed}`,
  };
}
