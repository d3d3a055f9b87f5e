import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { instance } from "@viz-js/viz";
import { StackResource, renderArchitecture } from "../picture";
import { setup } from "../setup/setup";
import { SetupError } from "../setup/shell";
import { exportedStack, parseTarget } from "../stack";

/** Draws the stack as it is recorded in its state into docs/architecture.svg of its program. */
export default async function picture(args: readonly string[]): Promise<number> {
  const { target } = parseTarget(args);
  await setup(["pulumi"]);
  const exported = await exportedStack(target);
  if (exported === undefined) throw new SetupError(`There is no stack ${target.stack} to draw; \`npm run up\` makes it.`);
  const { deployment } = JSON.parse(exported) as { deployment?: { resources?: StackResource[] } };
  const viz = await instance();
  const folder = join(target.cwd, "docs");
  const file = join(folder, "architecture.svg");
  await mkdir(folder, { recursive: true });
  await writeFile(file, viz.renderString(renderArchitecture(deployment?.resources ?? []), { format: "svg" }));
  console.log(`Wrote ${file}.`);
  return 0;
}
