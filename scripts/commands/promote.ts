import { dockerFor, keeper, leaderOf, nodeAt, ReplicaSet, replicaSet } from "../replica-set";
import { StackNode } from "../nodes";
import { setup } from "../setup/setup";
import { SetupError } from "../setup/shell";
import { parseTarget } from "../stack";

const USAGE = "npm run promote -- COMPONENT [NODE] [--force [--accept-loss]], such as `npm run promote -- mysql 2`";
const FLAGS = ["--force", "--accept-loss"];

/**
 * Has another node lead a set of replicas.
 *
 * While the source is there it hands over: writes pause for a moment and nothing is lost. `--force` is for a source that is dead: of the nodes
 * that are left the one leads that has most; without a node's number that one is found. `--accept-loss` goes on where what was acknowledged
 * may be missing.
 */
export default async function promote(args: readonly string[]): Promise<number> {
  const { target, rest } = parseTarget(args);
  const flags = rest.filter((arg) => arg.startsWith("--"));
  const [component, ordinal, ...more] = rest.filter((arg) => !arg.startsWith("--"));
  const force = flags.includes("--force");
  const known = flags.every((flag) => FLAGS.includes(flag)) && (force || !flags.includes("--accept-loss"));
  if (component === undefined || more.length > 0 || !known || (ordinal === undefined && !force)) throw new SetupError(`It is ${USAGE}.`);
  await setup(["engine", "pulumi"]);
  const set = await replicaSet(target, component);
  const leader = leaderOf(set);
  const chosen = ordinal === undefined ? undefined : nodeAt(set, component, ordinal);
  const fenced = force ? await fence(set, leader) : undefined;
  try {
    return await run(chosen === undefined ? candidates(set, leader) : [chosen], flags);
  } finally {
    // It comes back as a replica, or tells what it has that the others have not.
    if (fenced !== undefined) await unfence(fenced);
  }
}

function candidates({ nodes, statuses }: ReplicaSet, leader: string): StackNode[] {
  const left = nodes.filter(({ name }) => name !== leader && statuses.has(name));
  if (left.length === 0) throw new SetupError("No other node answers that could lead.");
  return left;
}

/** A keeper whose node has less than another one refuses, and names that one. */
async function run(nodes: readonly StackNode[], flags: readonly string[]): Promise<number> {
  let last = "";
  for (const node of nodes) {
    const { failed, said } = await keeper(node, ["promote", ...flags]);
    if (!failed) {
      console.log(said);
      return 0;
    }
    last = said;
  }
  console.error(last);
  return 1;
}

/**
 * Ends the container of a source that is to be passed over, where its engine answers: one that only hangs could wake up and take writes that
 * nobody else gets. One that does its work is not passed over.
 */
async function fence({ nodes, statuses }: ReplicaSet, leader: string): Promise<StackNode | undefined> {
  const source = nodes.find(({ name }) => name === leader);
  if (source === undefined) return undefined;
  if (statuses.get(leader)?.writable === true)
    throw new SetupError(`${leader} is there and takes writes: promote without --force, which loses nothing.`);
  if (!["running", "paused", "restarting"].includes(source.state)) return undefined;
  await dockerFor(source, "stop", "--time", "0");
  // Nor may its engine bring it back, should that end meanwhile.
  await dockerFor(source, "update", "--restart", "no");
  return source;
}

async function unfence(source: StackNode): Promise<void> {
  await dockerFor(source, "update", "--restart", "always");
  await dockerFor(source, "start");
}
