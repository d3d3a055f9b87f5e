import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import type { Figure } from "./bench";
import { benchStack } from "./bench-stack";
import { median } from "./statistics";

const RUNS = 10;
const BOUND = 2.5;

/** A preview that finds nothing to change, beside the same CLI on a program without a resource. */
export async function previewTime(): Promise<Figure[]> {
  const { stack } = await benchStack({ without: [] });
  const empty = await mkdtemp(join(tmpdir(), "dockyard-empty-"));
  try {
    await stack.up();
    await writeFile(
      join(empty, "Pulumi.yaml"),
      "name: empty\nruntime:\n  name: nodejs\n  options:\n    typescript: false\nmain: index.js\n",
    );
    await writeFile(join(empty, "package.json"), '{ "name": "empty" }');
    await writeFile(join(empty, "index.js"), "");
    // The host looks the SDK up from the program's folder.
    await execa("ln", ["-s", join(import.meta.dirname, "..", "node_modules"), join(empty, "node_modules")]);
    await execa("pulumi", ["stack", "init", "bench-empty", "--non-interactive"], { cwd: empty });
    const times: Record<"full" | "empty", number[]> = { full: [], empty: [] };
    for (let run = 0; run < RUNS; run++) {
      times.full.push(await seconds(stack.folder, stack.name, "--expect-no-changes"));
      times.empty.push(await seconds(empty, "bench-empty"));
    }
    const resources = (JSON.parse(await stack.pulumi("stack", "export", "--stack", stack.name)) as { deployment: { resources: unknown[] } })
      .deployment.resources.length;
    const [full, bare] = [median(times.full), median(times.empty)];
    return [
      {
        what: `no-op \`pulumi preview\` of the dev stack, ${resources} resources`,
        measured: `${full.toFixed(2)} s, ${(full / bare).toFixed(2)} ×`,
        beside: `the same CLI on an empty program: ${bare.toFixed(2)} s`,
        bound: `≤ ${BOUND} ×`,
        holds: full / bare <= BOUND,
        runs: `median of ${RUNS} each, in turns`,
      },
    ];
  } finally {
    await stack.remove();
    await rm(empty, { recursive: true, force: true });
  }
}

async function seconds(cwd: string, stack: string, ...args: string[]): Promise<number> {
  const started = performance.now();
  await execa("pulumi", ["preview", "--stack", stack, "--non-interactive", ...args], { cwd, stdin: "ignore" });
  return (performance.now() - started) / 1000;
}
