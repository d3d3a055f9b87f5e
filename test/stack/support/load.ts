import { Agent, request } from "node:http";

export interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** One request over a connection of its own or of `agent`. */
export function get(
  url: string,
  {
    agent,
    method = "GET",
    headers,
    body,
    timeoutMs = 10_000,
  }: { agent?: Agent; method?: string; headers?: Record<string, string>; body?: string; timeoutMs?: number } = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    // Node's own agent, which is used where none is said, keeps connections.
    const outgoing = request(url, { agent: agent ?? false, method, headers, timeout: timeoutMs }, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
      incoming.on("end", () =>
        resolve({ status: incoming.statusCode ?? 0, body: Buffer.concat(chunks).toString(), headers: incoming.headers }),
      );
      incoming.on("error", reject);
    });
    outgoing.on("timeout", () => outgoing.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

export interface LoadResult {
  readonly sent: number;
  /** What went wrong, a line each; empty where every request was answered with 200. */
  readonly failures: readonly string[];
  /** Requests answered by each instance, by the header X-Instance. */
  readonly byInstance: Readonly<Record<string, number>>;
}

/**
 * Sends requests at a steady rate while `work` runs, each as its time comes, whether or not the ones before have been answered.
 *
 * @param rate Requests per second over all urls, which take turns.
 */
export async function underLoad(urls: readonly string[], rate: number, work: () => Promise<unknown>): Promise<LoadResult> {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const failures: string[] = [];
  const byInstance: Record<string, number> = {};
  const open: Promise<void>[] = [];
  const started = performance.now();
  let sent = 0;
  const timer = setInterval(() => {
    for (; sent < ((performance.now() - started) / 1000) * rate; sent++) open.push(one(urls[sent % urls.length] ?? ""));
  }, 1000 / rate);
  async function one(url: string): Promise<void> {
    try {
      const { status, body, headers } = await get(url, { agent });
      if (status !== 200) failures.push(`${url}: ${status} ${body.slice(0, 200)}`);
      const instance = String(headers["x-instance"]);
      byInstance[instance] = (byInstance[instance] ?? 0) + 1;
    } catch (error) {
      failures.push(`${url}: ${String(error)}`);
    }
  }
  try {
    await work();
  } finally {
    clearInterval(timer);
    await Promise.all(open);
    agent.destroy();
  }
  return { sent, failures, byInstance };
}

/** Pauses between two looks of {@link until}, in ms. */
const SHORTEST_PAUSE = 50;
const LONGEST_PAUSE = 500;

/** How many times as long as a look the pause behind it is. */
const PAUSE_RATIO = 5;

/**
 * Waits until `condition` holds; fails with what it last threw or returned.
 *
 * It looks every 50 ms where a look costs nothing, as a request does, and less often where one takes long, down to twice a second: what
 * is waited for needs the CPU that a command in a container takes.
 */
export async function until(what: string, condition: () => Promise<unknown>, timeoutMs = 60_000): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  let last: unknown;
  for (;;) {
    const began = performance.now();
    try {
      last = await condition();
      if (last) return;
    } catch (error) {
      last = error;
    }
    const left = deadline - Date.now();
    if (left < 0) throw new Error(`${what}: not within ${timeoutMs} ms; last seen: ${String(last)}`);
    const pause = Math.min((performance.now() - began) * PAUSE_RATIO, LONGEST_PAUSE, left);
    await new Promise((resolve) => setTimeout(resolve, Math.max(pause, SHORTEST_PAUSE)));
  }
}
