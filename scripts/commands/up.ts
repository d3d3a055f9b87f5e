import { configOptions, deploy } from "../deployments/deploy";
import { unfinishedRotations } from "../rotation/unfinished";
import { setup } from "../setup/setup";
import { Target, parseTarget } from "../stack";

/** Sets up what is missing, then brings the stack to what the program says. */
export default async function up(args: readonly string[]): Promise<number> {
  const { target, rest } = parseTarget(args);
  await setup(["engine", "pulumi", "images"]);
  let interrupted = false;
  process.once("SIGINT", () => (interrupted = true));
  const code = await deploy(target, rest);
  if (interrupted && code !== 0) console.log("Interrupted: what is done stays, and the same command goes on from here.");
  await tellUnfinished(target, configOptions(rest));
  return code;
}

async function tellUnfinished(target: Target, options: readonly string[]): Promise<void> {
  const names = (await unfinishedRotations(target, options)).join(" ");
  if (names !== "") console.log(`The rotation of ${names} is unfinished; \`npm run rotate -- ${names}\` finishes it.`);
}
