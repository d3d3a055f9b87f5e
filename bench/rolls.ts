import { type Client, type Outcome, beside } from "../test/stack/changes/clients";
import { BUILDERS, DATABASES, type Group, LIGHT, MESSAGES } from "../test/stack/changes/groups";
import { CHANGED } from "../test/stack/changes/made";
import type { Table } from "../test/stack/changes/table";
import { TestStack, freePorts } from "../test/stack/support/test-stack";
import type { Figure } from "./bench";
import { median } from "./statistics";

const RUNS = 2;

/** Names of the table's groups that are rolled, by `DOCKYARD_ONLY=changes-builders`; all of them where it is not set. */
const ONLY = (process.env.DOCKYARD_ONLY ?? "").split(",").filter(Boolean);

/** Components that are used through another one's client. */
const USED_THROUGH: Readonly<Record<string, string>> = { gateway: "goods", entry: "goods" };

interface Roll {
  readonly seconds: number;
  readonly outcomes: readonly Outcome[];
}

/** Every component of the table replaced node by node, by a value in its environment, while it is used. */
export async function rolls(): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const group of [LIGHT, MESSAGES, DATABASES, BUILDERS].filter(({ name }) => ONLY.length === 0 || ONLY.includes(name)))
    figures.push(...(await rollsOf(group)));
  return figures;
}

async function rollsOf(group: Group): Promise<Figure[]> {
  const port = await freePorts(group.ports);
  const table = group.table(port);
  const stack = await TestStack.create(`bench-${group.name}`, { network: group.network, ...withEnvironment(table, {}) }, group.program);
  try {
    await stack.up();
    const [clients, waiting] = [group.clients(stack.label), group.waiting?.(port) ?? {}];
    const figures: Figure[] = [];
    const environment: Record<string, Readonly<Record<string, string>>> = {};
    for (const component of Object.keys(table)) {
      const user = clients[USED_THROUGH[component] ?? component] ?? waiting[component];
      const made: Roll[] = [];
      for (let run = 1; run <= RUNS; run++) {
        environment[component] = { ...CHANGED, RUN: String(run) };
        made.push(await roll(user ? [user] : [], () => stack.up(withEnvironment(table, environment))));
      }
      const told = figure(component, nodesOf(table, component), made, component in waiting);
      console.error(`${told.what}: ${told.measured}`);
      figures.push(told);
    }
    return figures;
  } finally {
    await stack.remove();
  }
}

async function roll(clients: readonly Client[], work: () => Promise<unknown>): Promise<Roll> {
  let seconds = 0;
  const outcomes = await beside(clients, async () => {
    const started = performance.now();
    await work();
    seconds = (performance.now() - started) / 1000;
  });
  return { seconds, outcomes };
}

/** Settings in which the containers of some components have these variables; some have an argument for them, and all a transform. */
function withEnvironment(table: Table, environment: Readonly<Record<string, Readonly<Record<string, string>>>>) {
  return {
    components: Object.fromEntries(
      Object.entries(table).map(([component, { args }]) => [component, { args, environment: environment[component] }]),
    ),
  };
}

function nodesOf(table: Table, component: string): number {
  const row = table[component];
  return Object.values(row?.sets(row.args) ?? {}).reduce((sum, count) => sum + count, 0);
}

function figure(component: string, nodes: number, made: readonly Roll[], isAlone: boolean): Figure {
  const outcomes = made.flatMap((one) => one.outcomes);
  const sum = (of: (outcome: Outcome) => number) => outcomes.reduce((all, outcome) => all + of(outcome), 0);
  const [requests, failed, lost] = [sum((one) => one.requests), sum((one) => one.failures.length), sum((one) => one.lost.length)];
  for (const { client, failures } of outcomes) if (failures.length > 0) console.error(client, failures.slice(0, 5));
  const [client] = outcomes;
  return {
    what: `${component}: ${nodes === 1 ? "its container" : `${nodes} nodes`} replaced${client ? ` while ${client.client} is used` : ""}`,
    measured: `${median(made.map(({ seconds }) => seconds)).toFixed(1)} s${client ? `; of ${requests} requests ${failed} failed, ${lost} acknowledged lost` : ""}`,
    beside: "–",
    bound: client && !isAlone ? "none failed, none lost" : "–",
    holds: isAlone || (failed === 0 && lost === 0),
    runs: String(RUNS),
  };
}
