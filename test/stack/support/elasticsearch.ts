import { setTimeout as delay } from "node:timers/promises";
import { get } from "./load";

export interface EsRequest {
  readonly method?: string;
  /** JSON, or text as it is. */
  readonly body?: unknown;
  /** @default 10 s */
  readonly timeoutMs?: number;
}

export interface EsAnswer {
  readonly status: number;
  readonly body: any;
}

/** Asks one node. */
export async function es(node: string, path: string, { method = "GET", body, timeoutMs }: EsRequest = {}): Promise<EsAnswer> {
  const text = body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body);
  const answer = await get(`${node}/${path}`, { method, body: text, headers: { "content-type": "application/json" }, timeoutMs });
  return { status: answer.status, body: JSON.parse(answer.body) };
}

/** Asks the nodes in turn until one answers, as every client of Elasticsearch does; fails when none does. */
export async function esAnywhere(nodes: readonly string[], path: string, options: EsRequest = {}): Promise<any> {
  const faults: string[] = [];
  for (const node of nodes) {
    try {
      const { status, body } = await es(node, path, options);
      if (status < 300) return body;
      faults.push(`${node}: ${status} ${JSON.stringify(body).slice(0, 200)}`);
    } catch (error) {
      faults.push(`${node}: ${String(error)}`);
    }
  }
  throw new Error(faults.join("; "));
}

export interface IndexLoad {
  /** Ids of documents that were acknowledged. */
  readonly written: readonly string[];
  /** Writes and searches that no node answered with success. */
  readonly failures: readonly string[];
  readonly searches: number;
}

/** Pause of {@link indexLoad} between two of its writes, and between two of its searches, in ms: nodes that start need the CPU as well. */
const PAUSE = 40;

/**
 * Writes documents and searches, one after the other, while `work` runs; every read must find all shards.
 *
 * @param timeoutMs Time that each node gets for an answer.
 */
export async function indexLoad(
  nodes: readonly string[],
  index: string,
  work: (failures: readonly string[]) => Promise<unknown>,
  timeoutMs = 10_000,
): Promise<IndexLoad> {
  const written: string[] = [];
  const failures: string[] = [];
  let searches = 0;
  let running = true;
  const loop = async (what: string, one: () => Promise<void>) => {
    while (running) {
      await one().catch((error: unknown) => failures.push(`${what}: ${String(error)}`));
      await delay(PAUSE);
    }
  };
  const turn = (count: number) => nodes.map((_, at) => nodes[(at + count) % nodes.length] ?? "");
  const loops = [
    loop("write", async () => {
      const id = `w${written.length}`;
      await esAnywhere(turn(written.length), `${index}/_doc/${id}`, { method: "PUT", body: { id, at: Date.now() }, timeoutMs });
      written.push(id);
    }),
    loop("search", async () => {
      searches++;
      // As clients ask who want all or nothing: a node that stops may have dropped a part of the search.
      const { _shards } = await esAnywhere(turn(searches), `${index}/_search?size=1&allow_partial_search_results=false`, { timeoutMs });
      if (_shards.failed > 0) throw new Error(`shards failed: ${JSON.stringify(_shards)}`);
    }),
  ];
  try {
    await work(failures);
  } finally {
    running = false;
    await Promise.all(loops);
  }
  return { written, failures, searches };
}
