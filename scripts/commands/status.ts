import { setTimeout as wait } from "node:timers/promises";
import logUpdate from "log-update";
import { beganAt, holdOf } from "../recovery/local-state";
import { setup } from "../setup/setup";
import { SetupError } from "../setup/shell";
import { Target, exportedStack, parseTarget, takeFlag } from "../stack";
import { PendingOperation, StateResource } from "../state";
import { Recorded, isWell, lookAt, recordedStack } from "../status/look";
import { renderProgress } from "../status/progress";
import { renderTable } from "../status/table";
import { duration } from "../status/units";

/** Milliseconds between two looks. */
const INTERVAL = 2000;

/**
 * Shows the stack's nodes, their roles and how far they are behind, its last backup, and what an `up` does meanwhile: live in a terminal until Ctrl-C, once
 * elsewhere or with `--once`. Exits 1 when a node is not healthy and not just starting, when one is missing, and when a host cannot be reached.
 */
export default async function status(args: readonly string[]): Promise<number> {
  const { target, rest } = parseTarget(args);
  const once = takeFlag(rest, ["--once"]);
  if (rest[0] !== undefined) throw new SetupError(`${rest[0]} is no option; it is npm run status -- [--once].`);
  await setup(["engine", "pulumi"]);
  let recorded = await recordedStack(target);
  const live = Boolean(process.stdout.isTTY) && !once;
  for (;;) {
    const { text, healthy, changes } = await look(target, recorded);
    if (!live) {
      console.log(text);
      return healthy ? 0 : 1;
    }
    logUpdate(text);
    await wait(INTERVAL);
    // Another command may have changed what there is to be.
    if (changes || !healthy) recorded = await recordedStack(target);
  }
}

async function look(target: Target, recorded: Recorded): Promise<{ text: string; healthy: boolean; changes: boolean }> {
  const [{ nodes, silent }, running] = await Promise.all([lookAt(target, recorded), progressOf(target)]);
  const table = nodes.length === 0 ? `Nothing of the stack ${target.stack} runs; \`npm run up\` brings it up.` : renderTable(nodes);
  const remarks = nodes.flatMap(({ component, told }) => (told?.remark === undefined ? [] : [`${component}: ${told.remark}`]));
  return {
    text: [...(running.length > 0 ? [running.join("\n")] : []), table, ...remarks, ...silent].join("\n\n"),
    changes: running.length > 0,
    healthy: nodes.length > 0 && silent.length === 0 && nodes.every(isWell),
  };
}

/** What a run does that holds the stack; nothing where none does. */
async function progressOf(target: Target): Promise<string[]> {
  if ((await holdOf(target)) !== "held") return [];
  const began = beganAt(target);
  const exported = await exportedStack(target).catch(() => undefined);
  const { deployment = {} } = JSON.parse(exported ?? "{}") as { deployment?: RunningDeployment };
  const { resources = [], pending_operations: pending = [] } = deployment;
  const since = began === undefined ? "" : ` for ${duration(Date.now() - began)}`;
  return [`A run changes the stack${since}.`, ...renderProgress({ began, pending, resources })];
}

interface RunningDeployment {
  readonly resources?: readonly StateResource[];
  readonly pending_operations?: readonly PendingOperation[];
}
