import { setTimeout as delay } from "node:timers/promises";
import { docker } from "../test/stack/support/engine";
import { es } from "../test/stack/support/elasticsearch";
import { until } from "../test/stack/support/load";
import { TestStack, freePorts } from "../test/stack/support/test-stack";
import type { Figure } from "./bench";
import { LOG_INDEX, countOf, eachMessage, linesThere, numberOf, untilAllCame, writeLines } from "./log-lines";
import { percentile } from "./statistics";

const RATE = 1_000;
const SECONDS = 60;
const BOUND_MS = 3_000;
const LOOK_MS = 25;

const LINES = 1_000_000;
/** Lines per second that are written while parts are killed; what is indexed slower waits in the files. */
const WRITTEN_RATE = 10_000;
const KILLS = 3;
const UNTIL_KILL_MS = 12_000;

/** What a search may take longer than the lines themselves. */
const PATIENCE_MS = 60_000;

const LABEL = "dockyard-bench-logs";

/** Time from a line that a container writes to the search that finds it; and what is left of a million lines while each part is killed. */
export async function logs(): Promise<Figure[]> {
  const port = await freePorts(1);
  const node = `http://127.0.0.1:${port}`;
  const settings = {
    network: { subnet: "10.163.0.0/24", search: "10.163.0.21", logs: "10.163.0.211" },
    ports: { search: port },
    inputs: [{ type: "container", components: ["writer"] }],
    logs: { indices: { replicas: 0 } },
  };
  const stack = await TestStack.create("bench-logs", settings, "test/stack/programs/elk-pipeline/program.cjs");
  try {
    await stack.up();
    return [await latency(node), await survival(stack, node)];
  } finally {
    await stack.remove();
  }
}

async function latency(node: string): Promise<Figure> {
  const lines = RATE * SECONDS;
  const seen: { last: number; at: number }[] = [];
  // The day's index and the first connections are not what is measured.
  await writeLines(LABEL, "warm", { lines: 5_000, rate: RATE });
  await until("the first lines are there", async () => (await countOf(node, "warm")) === 5_000);
  await writeLines(LABEL, "timed", { lines, rate: RATE });
  const deadline = Date.now() + SECONDS * 1000 + PATIENCE_MS;
  // Without a count and scores, Elasticsearch need not look at every line to know the last one.
  const query = { bool: { filter: { match: { message: "timed" } } } };
  const body = { size: 1, track_total_hits: false, query, sort: [{ "log.offset": "desc" }], _source: ["message"] };
  while ((seen.at(-1)?.last ?? 0) < lines && Date.now() < deadline) {
    const answer = await es(node, `${LOG_INDEX}/_search`, { method: "POST", body });
    const [newest] = (answer.body as { hits?: { hits: { _source: { message: string } }[] } }).hits?.hits ?? [];
    if (newest) seen.push({ last: numberOf(newest._source.message), at: Date.now() });
    await delay(LOOK_MS);
  }
  const waits: number[] = [];
  await eachMessage(node, "timed", (message) => {
    const found = seen.find(({ last }) => last >= numberOf(message));
    waits.push((found?.at ?? Infinity) - Number(message.split(" ")[2]));
  });
  const [p50, p99] = [percentile(waits, 0.5), percentile(waits, 0.99)];
  return {
    what: `log line written by a container → found by a search, at ${RATE} lines/s, refreshed every second`,
    measured: `p50 ${p50.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms`,
    beside: "–",
    bound: `p99 ≤ ${BOUND_MS} ms, every line found`,
    holds: p99 <= BOUND_MS && waits.length === lines,
    runs: `${waits.length} lines`,
  };
}

async function survival(stack: TestStack, node: string): Promise<Figure> {
  const began = Date.now();
  await writeLines(LABEL, "survived", { lines: LINES, rate: WRITTEN_RATE });
  for (let turn = 0; turn < KILLS; turn++) {
    for (const part of ["logs-1", "search-1"]) {
      await delay(UNTIL_KILL_MS);
      await docker("kill", stack.container(part));
      await delay(1_000);
      await docker("start", stack.container(part));
    }
  }
  await untilAllCame(node, "survived", LINES, 600_000);
  const seconds = (Date.now() - began) / 1000;
  const { unique, documents } = await linesThere(node, "survived", LINES);
  return {
    what: `${LINES} log lines while Filebeat and Elasticsearch are each killed ${KILLS} times`,
    measured: `${LINES - unique} lost, ${documents - unique} twice`,
    beside: "–",
    bound: "none lost",
    holds: unique === LINES,
    runs: `1, of ${seconds.toFixed(0)} s`,
  };
}
