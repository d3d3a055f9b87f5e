import { execa } from "execa";
import { ComponentNodes, StackNode, execArguments, nodesOf } from "./nodes";
import { SetupError } from "./setup/shell";
import { Target } from "./stack";

/** What a node's keeper tells of it; images/mysql/keeper/status.go has all of it. */
export interface KeeperStatus {
  readonly epoch: number;
  readonly source: string;
  readonly role: string;
  readonly writable: boolean;
}

/** A set of replicas, as its hosts and its keepers tell it. */
export interface ReplicaSet extends ComponentNodes {
  /** Of the nodes whose keepers answer. */
  readonly statuses: ReadonlyMap<string, KeeperStatus>;
}

/** How long a keeper may take to tell of its node, in ms: one in a container that was paused never does. */
const KEEPER_PATIENCE = 5_000;

export async function replicaSet(target: Target, component: string): Promise<ReplicaSet> {
  const found = await nodesOf(target, component);
  for (const { host, reason } of found.silent) console.error(`Host ${host.name} is passed over: ${reason}`);
  const answers = await Promise.all(
    found.nodes.map(async (node) => {
      const { failed, stdout } = await keeper(node, ["status"], { timeout: KEEPER_PATIENCE });
      return failed ? [] : [[node.name, JSON.parse(stdout) as KeeperStatus] as const];
    }),
  );
  const statuses = new Map(answers.flat());
  if (statuses.size === 0) throw new SetupError(`No node of ${component} answers; \`npm run status\` shows what they do.`);
  return { ...found, statuses };
}

/** The node that leads by the latest account. */
export function leaderOf({ statuses }: ReplicaSet): string {
  return [...statuses.values()].reduce((latest, status) => (status.epoch > latest.epoch ? status : latest)).source;
}

/** The node of an ordinal: 2 is `mysql-2`. @throws {SetupError} naming those that there are. */
export function nodeAt({ nodes }: ComponentNodes, component: string, ordinal: string): StackNode {
  const node = nodes.find(({ name }) => name === `${component}-${ordinal}`);
  if (node !== undefined) return node;
  const ordinals = nodes.map(({ name }) => name.slice(component.length + 1));
  throw new SetupError(`${component} has no node ${ordinal}; there are ${ordinals.join(", ") || "none"}.`);
}

/** Runs the keeper's command line in a node's container. */
export async function keeper(node: StackNode, args: readonly string[], { timeout }: { timeout?: number } = {}) {
  const [program, ...options] = execArguments(node, ["mysql-keeper", ...args]);
  const { failed, stdout, stderr } = await execa(program, options, { stdin: "ignore", reject: false, ...(timeout && { timeout }) });
  return { failed, stdout, said: `${stdout}\n${stderr}`.trim() };
}

/** Runs a docker command for a node's container. */
export async function dockerFor({ host, container }: StackNode, ...command: readonly string[]): Promise<void> {
  const [program, ...options] = host.docker;
  await execa(program, [...options, ...command, container], { stdin: "ignore" });
}
