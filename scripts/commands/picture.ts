import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setup } from "../setup/setup";
import { SetupError } from "../setup/shell";
import { parseTarget } from "../stack";
import { stateResources } from "../state";
import { architectureOf } from "../topology/architecture";
import { renderDot } from "../topology/dot";
import { renderSvg } from "../topology/svg";

/** Draws the stack as it is recorded in its state into docs/architecture.svg of its program; `topology` draws it as it runs. */
export default async function picture(args: readonly string[]): Promise<number> {
  const { target } = parseTarget(args);
  await setup(["pulumi"]);
  const resources = await stateResources(target);
  if (resources === undefined) throw new SetupError(`There is no stack ${target.stack} to draw; \`npm run up\` makes it.`);
  const folder = join(target.cwd, "docs");
  const file = join(folder, "architecture.svg");
  await mkdir(folder, { recursive: true });
  await writeFile(file, await renderSvg(renderDot(architectureOf(resources))));
  console.log(`Wrote ${file}.`);
  return 0;
}
