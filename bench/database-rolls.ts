import { esAnywhere, indexLoad } from "../test/stack/support/elasticsearch";
import { missingRows, writeLoad } from "../test/stack/support/mysql";
import { TestStack, freePorts } from "../test/stack/support/test-stack";
import type { Figure } from "./bench";
import { MYSQL_SETTINGS, mysqlStack } from "./promotions";

const RATE = 200;
const PAUSE_BOUND_MS = 1_000;

/** Every node of MySQL and of Elasticsearch replaced in one `up`, while they are read and written. */
export async function databaseRolls(): Promise<Figure[]> {
  return [await mysqlRoll(), await esRoll()];
}

async function mysqlRoll(): Promise<Figure> {
  const { stack, set } = await mysqlStack();
  try {
    const settings = { ...MYSQL_SETTINGS, settings: { long_query_time: 5 } };
    const load = await writeLoad(set.login, RATE, () => stack.up({ mysql: settings }));
    const lost = await missingRows(set.login, load.written);
    return {
      what: `MySQL: 3 nodes replaced under ${RATE} writes/s and reads`,
      measured: `${load.failedReads.length} of ${load.reads} reads failed, ${lost.length} of ${load.written.length} acknowledged rows lost, longest pause of writes ${load.longestPauseMs.toFixed(0)} ms`,
      beside: "–",
      bound: `none failed, none lost, ≤ ${PAUSE_BOUND_MS} ms`,
      holds: load.failedReads.length === 0 && lost.length === 0 && load.longestPauseMs <= PAUSE_BOUND_MS,
      runs: "1",
    };
  } finally {
    await stack.remove();
  }
}

async function esRoll(): Promise<Figure> {
  const httpPort = await freePorts(3);
  const settings = { httpPort, memoryMiB: 768, heapMiB: 320 };
  const network = { subnet: "10.198.0.0/24", first: "10.198.0.181" };
  const stack = await TestStack.create("bench-search", { network, elasticsearch: settings }, "test/stack/programs/es-cluster/program.cjs");
  try {
    await stack.up();
    const nodes = [0, 1, 2].map((index) => `http://127.0.0.1:${httpPort + index}`);
    await esAnywhere(nodes, "rolled", { method: "PUT", body: { settings: { number_of_replicas: 1 } } });
    const load = await indexLoad(nodes, "rolled", () => stack.up({ elasticsearch: { ...settings, heapMiB: 352 } }));
    await esAnywhere(nodes, "rolled/_refresh", { method: "POST" });
    const { count } = (await esAnywhere(nodes, "rolled/_count")) as { count: number };
    const lost = load.written.length - count;
    return {
      what: "Elasticsearch: 3 nodes replaced under writes and searches",
      measured: `${load.failures.length} of ${load.searches + load.written.length} failed, ${Math.max(lost, 0)} of ${load.written.length} acknowledged documents lost`,
      beside: "–",
      bound: "none failed, none lost",
      holds: load.failures.length === 0 && lost <= 0,
      runs: "1",
    };
  } finally {
    await stack.remove();
  }
}
