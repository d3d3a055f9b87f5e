import { keeper, nodeAt } from "../replica-set";
import { nodesOf } from "../nodes";
import { setup } from "../setup/setup";
import { SetupError } from "../setup/shell";
import { parseTarget } from "../stack";

const USAGE = "npm run rejoin -- COMPONENT NODE [--discard], such as `npm run rejoin -- mysql 1`";

/**
 * Shows the transactions that a node has and its source has not, and writes them to a file on the node's volume. With `--discard` its data is
 * replaced then by a copy of another node's, and it follows the source again.
 */
export default async function rejoin(args: readonly string[]): Promise<number> {
  const { target, rest } = parseTarget(args);
  const [component, ordinal, ...flags] = rest;
  if (component === undefined || ordinal === undefined || flags.some((flag) => flag !== "--discard"))
    throw new SetupError(`It is ${USAGE}.`);
  await setup(["engine", "pulumi"]);
  const node = nodeAt(await nodesOf(target, component), component, ordinal);
  const { failed, said } = await keeper(node, ["rejoin", ...flags]);
  if (failed) {
    console.error(said);
    return 1;
  }
  console.log(said);
  console.log(
    flags.includes("--discard")
      ? `${node.name} has the others' data now.`
      : `Nothing is discarded yet: \`npm run rejoin -- ${component} ${ordinal} --discard\` replaces the data of ${node.name} by a copy of the others'.`,
  );
  return 0;
}
