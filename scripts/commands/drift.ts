import { findDrift } from "../drift/drift";
import { Difference, isMadeAnew, renderDifferences } from "../drift/difference";
import { holdOf } from "../recovery/local-state";
import { setup } from "../setup/setup";
import { SetupError } from "../setup/shell";
import { parseTarget, takeFlag } from "../stack";

/** Exit codes beside 1, which is a failure. */
const [SAME, DIFFERS] = [0, 2];

/**
 * Lists what differs on the stack's hosts from what its last `up` left there, and touches nothing. `--json` prints it for programs.
 *
 * Exits 0 where nothing differs, 2 where something does, and 1 where that could not be told.
 */
export default async function drift(args: readonly string[]): Promise<number> {
  const { target, rest } = parseTarget(args);
  const json = takeFlag(rest, ["--json"]);
  if (rest[0] !== undefined) throw new SetupError(`${rest[0]} is no option; it is npm run drift -- [--json].`);
  await setup(["engine", "pulumi"]);
  const hold = await holdOf(target);
  if (hold === "held") throw new SetupError(`Another run changes the stack ${target.stack} just now; ask again when it has ended.`);
  if (hold === "cut") throw new SetupError("The last run was killed while it wrote the state; `npm run up` mends that.");
  const { differences, unanswered, hosts, isEmpty } = await findDrift(target);
  for (const each of unanswered) console.error(each);
  if (json) console.log(JSON.stringify(differences.map(({ kind, host, name, differs }) => ({ kind, host, name, differs }))));
  else if (differences.length > 0) console.log(`${renderDifferences(differences, hosts.length)}\n\n${remedy(differences)}`);
  else if (isEmpty) console.log(`Nothing of the stack ${target.stack} is there to differ; \`npm run up\` brings it up.`);
  else if (unanswered.length === 0) console.log(`Nothing differs from what the last \`npm run up\` of the stack ${target.stack} left.`);
  if (differences.length > 0) return DIFFERS;
  return unanswered.length === 0 ? SAME : 1;
}

function remedy(differences: readonly Difference[]): string {
  const count = `${differences.length} ${differences.length === 1 ? "thing differs" : "things differ"}`;
  if (differences.some(({ isLoss }) => isLoss))
    return `${count}, and data is gone: \`npm run up\` says what can be done, and changes nothing before.`;
  const anew = [...new Set(differences.filter(isMadeAnew).map(({ name }) => name))];
  return anew.length > 0
    ? `${count}; \`npm run up\` puts that right, for which it makes ${anew.join(", ")} anew, and touches nothing else.`
    : `${count}; \`npm run up\` puts that right and touches nothing else.`;
}
