import { deploy } from "../deployments/deploy";
import { setup } from "../setup/setup";
import { parseTarget } from "../stack";

/** Sets up what is missing, then brings the stack to what the program says. */
export default async function up(args: readonly string[]): Promise<number> {
  const { target, rest } = parseTarget(args);
  await setup(["engine", "pulumi", "images"]);
  return deploy(target, rest);
}
