import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { setup } from "../setup/setup";
import { SetupError } from "../setup/shell";
import { parseTarget, takeOption } from "../stack";
import { lookAt, recordedStack } from "../status/look";
import { architectureOf } from "../topology/architecture";
import { renderDot } from "../topology/dot";
import { liveOf } from "../topology/live";
import { renderMermaid } from "../topology/mermaid";
import { renderSvg } from "../topology/svg";

/**
 * Draws the stack as it runs: its systems with their nodes, hosts, roles and health, who talks to whom, and what is published.
 *
 * Writes topology.svg and topology.mmd into the folder `topology` of the program, or that of `--out`; the same bytes for the same stack.
 *
 * @throws {SetupError} where a host cannot be asked: a picture without its nodes would be of another stack.
 */
export default async function topology(args: readonly string[]): Promise<number> {
  const { target, rest } = parseTarget(args);
  const folder = resolve(takeOption(rest, ["--out"]) ?? join(target.cwd, "topology"));
  if (rest[0] !== undefined) throw new SetupError(`${rest[0]} is no option; it is npm run topology -- [--out FOLDER].`);
  await setup(["engine", "pulumi"]);
  const recorded = await recordedStack(target);
  const { nodes, silent } = await lookAt(target, recorded);
  if (silent.length > 0) throw new SetupError(silent.join("\n"));
  const [architecture, live] = [architectureOf(recorded.resources), liveOf(nodes)];
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "topology.svg"), await renderSvg(renderDot(architecture, live)));
  await writeFile(join(folder, "topology.mmd"), renderMermaid(architecture, live));
  console.log(`Wrote ${join(folder, "topology.svg")} and ${join(folder, "topology.mmd")}.`);
  return 0;
}
