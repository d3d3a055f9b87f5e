import { configOptions, deploy } from "../deployments/deploy";
import { unfinishedRotations } from "../rotation/unfinished";
import { setup } from "../setup/setup";
import { Target, parseTarget } from "../stack";

/** Sets up what is missing, then brings the stack to what the program says. */
export default async function up(args: readonly string[]): Promise<number> {
  const { target, rest } = parseTarget(args);
  await setup(["engine", "pulumi", "images"]);
  const code = await deploy(target, rest);
  await tellUnfinished(target, configOptions(rest));
  return code;
}

async function tellUnfinished(target: Target, options: readonly string[]): Promise<void> {
  const names = (await unfinishedRotations(target, options)).join(" ");
  if (names !== "") console.log(`The rotation of ${names} is unfinished; \`npm run rotate -- ${names}\` finishes it.`);
}
