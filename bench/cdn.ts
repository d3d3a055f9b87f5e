import { Agent } from "node:http";
import { Origin, accessLog } from "../test/stack/support/cdn";
import { get, until } from "../test/stack/support/load";
import { TestStack, freePorts } from "../test/stack/support/test-stack";
import type { Figure } from "./bench";

const REQUESTS = 10_000;
/** Files that the cache has: one half is fresh for an hour, the other one for a second. */
const FILES = 1_000;
const UNCACHED = 100;
const CLIENTS = 16;
const ORIGIN = { host: "10.198.0.20", port: 8080 };

/** Requests for cached files while the origin is stopped; beside files that are not cached. */
export async function cdn(): Promise<Figure[]> {
  const port = await freePorts(1);
  const base = `http://127.0.0.1:${port}`;
  const stack = await TestStack.create(
    "bench-cdn",
    { network: { subnet: "10.198.0.0/24", first: "10.198.0.231" }, cdn: { origins: [ORIGIN], domains: ["127.0.0.1"], port } },
    "test/stack/programs/squid-cdn/program.cjs",
  );
  const agent = new Agent({ keepAlive: true, maxSockets: CLIENTS });
  try {
    await stack.up();
    const origin = await Origin.start(stack.label, ORIGIN.host);
    await until("the origin is seen", async () => (await get(`${base}/bare/0`)).status === 200);
    await failuresOf(FILES, (turn) => `${base}${fileOf(turn)}`, agent);
    await origin.stop();
    const began = performance.now();
    const failed = await failuresOf(REQUESTS, (turn) => `${base}${fileOf(turn)}`, agent);
    const perSecond = (REQUESTS / (performance.now() - began)) * 1000;
    const failedUncached = await failuresOf(UNCACHED, (turn) => `${base}/static/uncached-${turn}`, agent);
    const served = (await accessLog(stack.container("cdn-1"))).slice(-REQUESTS - UNCACHED, -UNCACHED);
    const share = (result: RegExp) => served.filter(({ cache }) => result.test(String(cache))).length / served.length;
    const [fresh, stale] = [share(/HIT/), share(/REFRESH_FAIL_OLD/)];
    return [
      {
        what: `origin stopped: ${REQUESTS} requests for cached files`,
        measured: `${failed} failed; hit ratio ${percent(fresh + stale)}: ${percent(fresh)} fresh, ${percent(stale)} stale; ${Math.round(perSecond)} requests/s`,
        beside: `files that are not cached: ${failedUncached} of ${UNCACHED} failed`,
        bound: "none failed; of the others all",
        holds: failed === 0 && failedUncached === UNCACHED && served.length === REQUESTS,
        runs: `${CLIENTS} clients, ${FILES} files, half of them stale`,
      },
    ];
  } finally {
    agent.destroy();
    await stack.remove();
  }
}

function fileOf(turn: number): string {
  const file = turn % FILES;
  return `/${file % 2 === 0 ? "static" : "short"}/${file}`;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

/** How many of the requests are not answered with 200. */
async function failuresOf(count: number, urlOf: (turn: number) => string, agent: Agent): Promise<number> {
  let [turn, failed] = [0, 0];
  const client = async () => {
    while (turn < count) {
      const { status } = await get(urlOf(turn++), { agent }).catch(() => ({ status: 0 }));
      if (status !== 200) failed++;
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  return failed;
}
