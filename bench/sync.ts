import { setTimeout as delay } from "node:timers/promises";
import { es } from "../test/stack/support/elasticsearch";
import { until } from "../test/stack/support/load";
import { RoleClient, type MysqlLogin } from "../test/stack/support/mysql";
import { syncStatus } from "../test/stack/support/binlog-sync";
import { TestStack, freePorts } from "../test/stack/support/test-stack";
import type { Figure } from "./bench";
import { percentile } from "./statistics";

const ROWS = 100_000;
const LOAD_BOUND = 5_000;
const RATE = 500;
const SECONDS = 60;
/** Time from one change that is watched to the next. */
const WATCH_MS = 200;
const LOOK_MS = 25;
const BOUND_MS = 1_500;

const SYNC = "10.198.0.165";
const SERVERS = ["10.198.0.171", "10.198.0.172", "10.198.0.173"];
const INDEXING = {
  tables: [{ tables: "shop.goods", index: "goods" }],
  indices: { goods: { settings: { refresh_interval: "500ms", number_of_replicas: 0 }, properties: { name: { type: "text" } } } },
};

/** Rows that are read first, and the time from a row's change to the search that finds it; beside documents that are written to the index itself. */
export async function sync(): Promise<Figure[]> {
  const port = await freePorts(6);
  const node = `http://127.0.0.1:${port + 4}`;
  const network = { subnet: "10.198.0.0/24", mysql: SERVERS[0], search: "10.198.0.181", indexing: SYNC };
  const program = "test/stack/programs/binlog-sync/program.cjs";
  const stack = await TestStack.create("bench-sync", { network, ports: { mysql: port, search: port + 4 } }, program);
  try {
    await stack.up();
    const { password } = await stack.secretOutputs<{ password: string }>();
    const login = { nodes: SERVERS, user: "app", password };
    await fill(login);
    await stack.up({ indexing: INDEXING });
    await until("all is read", async () => (await syncStatus(SYNC)).phase === "following", 120_000);
    const loadSeconds = (await syncStatus(SYNC)).tables["shop.goods"]?.loadSeconds ?? NaN;
    const direct = await directLatency(node);
    const { waits, changes } = await latencyUnderLoad(login, node);
    const [p50, p99] = [percentile(waits, 0.5), percentile(waits, 0.99)];
    return [
      {
        what: `first load of ${ROWS} rows into Elasticsearch`,
        measured: `${Math.round(ROWS / loadSeconds)} rows/s`,
        beside: "–",
        bound: `≥ ${LOAD_BOUND} rows/s`,
        holds: ROWS / loadSeconds >= LOAD_BOUND,
        runs: "1",
      },
      {
        what: `row changed → found by a search, at ${Math.round(changes / SECONDS)} changes/s, refreshed every 500 ms`,
        measured: `p50 ${p50.toFixed(0)} ms, p99 ${p99.toFixed(0)} ms`,
        beside: `a document that is written to the index itself, with no other load: p50 ${percentile(direct, 0.5).toFixed(0)} ms, p99 ${percentile(direct, 0.99).toFixed(0)} ms`,
        bound: `p99 ≤ ${BOUND_MS} ms at ${RATE} changes/s`,
        holds: p99 <= BOUND_MS && changes >= RATE * SECONDS * 0.98,
        runs: `${waits.length} changes; beside: ${direct.length}`,
      },
    ];
  } finally {
    await stack.remove();
  }
}

async function fill(login: MysqlLogin): Promise<void> {
  const client = new RoleClient(login, "source");
  await client.query("CREATE TABLE shop.goods (id BIGINT UNSIGNED PRIMARY KEY, name VARCHAR(200) NOT NULL, price INT UNSIGNED NOT NULL)");
  for (let from = 1; from <= ROWS; from += 1_000) {
    const rows = Array.from({ length: 1_000 }, (_, at) => `(${from + at}, 'Brass cleat, large, no. ${from + at}', ${at})`);
    await client.query(`INSERT INTO shop.goods VALUES ${rows.join(", ")}`);
  }
  client.close();
}

/** Time until a search finds a word that nobody had before. */
async function untilFound(node: string, word: string): Promise<number> {
  const began = performance.now();
  for (;;) {
    const answer = await es(node, `goods/_search?q=name:${word}&size=0`);
    if ((answer.body as { hits?: { total: { value: number } } }).hits?.total.value === 1) return performance.now() - began;
    await delay(LOOK_MS);
  }
}

async function directLatency(node: string): Promise<number[]> {
  const waits: number[] = [];
  for (let at = 0; at < 50; at++) {
    await es(node, `goods/_doc/direct${at}`, { method: "PUT", body: { name: `direct${at}` } });
    waits.push(await untilFound(node, `direct${at}`));
  }
  return waits;
}

/** Changes rows at the rate; each watched one is timed from the moment at which its commit is told. */
async function latencyUnderLoad(login: MysqlLogin, node: string): Promise<{ waits: number[]; changes: number }> {
  const clients = Array.from({ length: 8 }, () => new RoleClient(login, "source"));
  const waits: Promise<number>[] = [];
  let [changes, watched] = [0, 0];
  const began = performance.now();
  const change = async (client: RoleClient) => {
    while (performance.now() - began < SECONDS * 1000) {
      const turn = changes++;
      await delay(Math.max(0, began + (turn * 1000) / RATE - performance.now()));
      const id = 1 + ((turn * 7919) % ROWS);
      const watch = performance.now() - began >= watched * WATCH_MS;
      const word = watch ? `word${watched++}` : "other";
      await client.query("UPDATE shop.goods SET name = ?, price = ? WHERE id = ?", [word, turn, id]);
      if (watch) waits.push(untilFound(node, word));
    }
  };
  await Promise.all(clients.map(change));
  clients.forEach((client) => client.close());
  return { waits: await Promise.all(waits), changes };
}
