import { setTimeout as delay } from "node:timers/promises";
import { imageReference } from "../components/core/images";
import { docker } from "../test/stack/support/engine";
import { es } from "../test/stack/support/elasticsearch";
import { until } from "../test/stack/support/load";
import { eachDocument } from "../test/stack/support/logs";
import { TestStack, freePorts } from "../test/stack/support/test-stack";
import type { Figure } from "./bench";
import { percentile } from "./statistics";

const RATE = 1_000;
const SECONDS = 60;
const BOUND_MS = 3_000;
const LOOK_MS = 100;

const LINES = 1_000_000;
/** Lines per second that are written while parts are killed; what is indexed slower waits in the files. */
const WRITTEN_RATE = 10_000;
const KILLS = 3;
const UNTIL_KILL_MS = 12_000;

const LABEL = "dockyard-bench-logs";
const INDEX = "container-log-*";

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

/** Starts a container that writes `<word> <number> <ms since 1970>` at a rate, and then stays. */
async function write(word: string, lines: number, rate: number): Promise<string> {
  const script = `
    const began = Date.now();
    let next = 0;
    const turn = () => {
      const due = Math.min(${lines}, Math.ceil(((Date.now() - began) * ${rate}) / 1000));
      let text = "";
      while (next < due) text += "${word} " + ++next + " " + Date.now() + " GET /goods/17 200 answered by an instance of the service that was asked\\n";
      process.stdout.write(text, () => (next < ${lines} ? setTimeout(turn, 5) : setInterval(() => {}, 1e9)));
    };
    turn();`;
  const name = `${LABEL}-${word}`;
  const labels = [`stack=${LABEL}`, "component=writer", `node=${word}`].flatMap((label) => ["--label", `dockyard.${label}`]);
  const log = ["--log-opt", "max-size=64m", "--log-opt", "max-file=8"];
  await docker("run", "--detach", "--name", name, "--network", "none", ...labels, ...log, imageReference("shop"), "node", "-e", script);
  return name;
}

async function latency(node: string): Promise<Figure> {
  const lines = RATE * SECONDS;
  const seen: { last: number; at: number }[] = [];
  // The day's index and the first connections are not what is measured.
  await write("warm", 5_000, RATE);
  await until("the first lines are there", async () => (await countOf(node, "warm")) === 5_000);
  await write("timed", lines, RATE);
  const body = { size: 1, query: { match: { message: "timed" } }, sort: [{ "log.offset": "desc" }], _source: ["message"] };
  while ((seen.at(-1)?.last ?? 0) < lines) {
    const answer = await es(node, `${INDEX}/_search`, { method: "POST", body });
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
  await write("survived", LINES, WRITTEN_RATE);
  for (let turn = 0; turn < KILLS; turn++) {
    for (const part of ["logs-1", "search-1"]) {
      await delay(UNTIL_KILL_MS);
      await docker("kill", stack.container(part));
      await delay(1_000);
      await docker("start", stack.container(part));
    }
  }
  await until(
    "nothing more comes",
    async () => {
      const before = await countOf(node, "survived");
      await delay(5_000);
      return before >= LINES && before === (await countOf(node, "survived"));
    },
    600_000,
  ).catch(() => undefined);
  const seconds = (Date.now() - began) / 1000;
  const there = new Uint8Array(LINES + 1);
  let documents = 0;
  await eachMessage(node, "survived", (message) => {
    there[numberOf(message)] = 1;
    documents++;
  });
  const unique = there.reduce((sum, each) => sum + each, 0);
  return {
    what: `${LINES} log lines while Filebeat and Elasticsearch are each killed ${KILLS} times`,
    measured: `${LINES - unique} lost, ${documents - unique} twice`,
    beside: "–",
    bound: "none lost",
    holds: unique === LINES,
    runs: `1, of ${seconds.toFixed(0)} s`,
  };
}

function numberOf(message: string): number {
  return Number(message.split(" ")[1]);
}

async function countOf(node: string, word: string): Promise<number> {
  const answer = await es(node, `${INDEX}/_count`, { method: "POST", body: { query: { match: { message: word } } } }).catch(
    () => undefined,
  );
  return (answer?.body as { count?: number } | undefined)?.count ?? 0;
}

async function eachMessage(node: string, word: string, take: (message: string) => void): Promise<void> {
  await eachDocument(node, INDEX, { match: { message: word } }, ({ message }) => take(String(message)));
}
