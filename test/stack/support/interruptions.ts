import { basename, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { type ResultPromise, execa } from "execa";
import type { OwnEngine } from "./own-engine";
import { descendantsOf } from "./process-tree";
import type { TestStack } from "./test-stack";

const PROJECT_ROOT = join(import.meta.dirname, "..", "..", "..");

/** What is killed: the engine, the program, one of Pulumi's plugins, Pulumi itself, or the whole command as by a lost session. */
export const VICTIMS = ["engine", "program", "plugin", "pulumi", "session"] as const;
export type Victim = (typeof VICTIMS)[number];

/** What an `up` does: all for the first time, all again with data that is there, a roll of the cluster, or one more or less instance. */
const RUNS = ["first", "again", "roll", "scale"] as const;
export type Run = (typeof RUNS)[number];

/** A kill at a moment of an `up`. */
export interface Interruption {
  readonly run: Run;
  readonly victim: Victim;
  /** When, as a share of how long such an `up` takes. */
  readonly at: number;
}

/** The seed of this run's draws: `DOCKYARD_SEED`, with which one that was seen is repeated, else any. */
export function anySeed(): number {
  return Number(process.env.DOCKYARD_SEED ?? Math.floor(Math.random() * 2 ** 31));
}

/** Numbers from 0 to 1 that are the same for the same seed: mulberry32. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** So many interruptions: every victim as often as any other, at moments and of runs that the seed decides. */
export function drawInterruptions(seed: number, count: number, victims: readonly Victim[] = VICTIMS): Interruption[] {
  const random = seeded(seed);
  return Array.from({ length: count }, (_, index) => ({
    run: RUNS[Math.floor(random() * RUNS.length)] ?? "roll",
    victim: victims[index % victims.length] ?? "session",
    at: random(),
  }));
}

const OPTIONS = { detached: true, all: true, stdin: "ignore", reject: false } as const;

/** A command of package.json on a stack, as a process group of its own, as a terminal would start it. */
export function command(stack: TestStack, name: "up" | "down" | "preview", ...options: readonly string[]): ResultPromise<typeof OPTIONS> {
  const script = join(PROJECT_ROOT, "scripts", "dockyard.mjs");
  const args = [script, name, "--cwd", stack.folder, "--stack", stack.name, "--non-interactive", ...options];
  return execa(process.execPath, args, OPTIONS);
}

/**
 * Kills something while a command runs, so many ms after its start or as soon as there is such a thing, and waits for the command to end.
 *
 * @param nth Chooses among several plugins.
 * @returns What was killed, `nothing` where the command had ended by then.
 */
export async function killDuring(
  running: ResultPromise<typeof OPTIONS>,
  victim: Victim,
  afterMs: number,
  { nth = 0, engine }: { readonly nth?: number; readonly engine?: OwnEngine } = {},
): Promise<string> {
  let ended = false;
  void running.finally(() => (ended = true));
  await Promise.race([delay(afterMs), running]);
  let killed = "nothing";
  while (!ended && killed === "nothing") {
    if (victim === "engine") {
      await engine?.end("SIGKILL");
      // As a service manager does.
      await engine?.start();
      killed = victim;
    } else killed = await killOne(victim, running.pid ?? 0, nth);
    if (killed === "nothing") await delay(20);
  }
  await running;
  return killed;
}

async function killOne(victim: Exclude<Victim, "engine">, pid: number, nth: number): Promise<string> {
  const candidates = victim === "session" ? [] : (await descendantsOf(pid)).filter(({ command: argv }) => IS_VICTIM[victim](argv));
  const chosen = candidates[nth % Math.max(candidates.length, 1)];
  if (victim !== "session" && chosen === undefined) return "nothing";
  try {
    // A whole process group by its number below 0.
    process.kill(chosen?.pid ?? -pid, "SIGKILL");
  } catch {
    // It has ended by itself.
    return "nothing";
  }
  return victim === "plugin" ? basename(chosen?.command[0] ?? "") : victim;
}

const IS_VICTIM: Readonly<Record<"program" | "plugin" | "pulumi", (argv: readonly string[]) => boolean>> = {
  program: ([path = "", ...args]) => basename(path).startsWith("node") && args.some((arg) => arg.includes("@pulumi/pulumi/cmd/run")),
  plugin: ([path = ""]) => basename(path).startsWith("pulumi-resource-"),
  pulumi: ([path = "", name]) => basename(path) === "pulumi" && name === "up",
};
