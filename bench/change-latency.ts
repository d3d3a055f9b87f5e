import { Agent } from "node:http";
import { get } from "../test/stack/support/load";
import type { Figure } from "./bench";
import type { ChangedStack } from "./changes";
import { percentile } from "./statistics";

const CHANGES = 1000;
const POLL_INTERVAL = 500;
/** Of two instances the changed one gets 100 of 101 requests while its key is there, so the first request tells. */
export const HEAVY = '{"weight":100,"max_fails":2,"fail_timeout":10,"down":0,"backup":0}';

/** A key written or deleted, until a request is answered by, or no longer sent to, its instance; beside one who polls. */
export async function changeLatency({ gateway, consul }: ChangedStack): Promise<Figure> {
  const agent = new Agent({ keepAlive: true });
  const key = `${consul}/v1/kv/upstreams/goods/10.198.0.42:8000`;
  const answeredByChanged = async () => (await get(`${gateway}/goods/1`, { agent })).headers["x-instance"] === "goods-2";
  const gatewayTimes: number[] = [];
  const pollerTimes: number[] = [];
  try {
    await get(key, { method: "DELETE" });
    const poller = startPoller(key, agent);
    for (let change = 0; change < CHANGES; change++) {
      const present = change % 2 === 0;
      const { status } = await get(key, { agent, ...(present ? { method: "PUT", body: HEAVY } : { method: "DELETE" }) });
      const acknowledged = performance.now();
      if (status !== 200) throw new Error(`Consul answered ${status}`);
      poller.expect(present, (seen) => pollerTimes.push(seen - acknowledged));
      while ((await answeredByChanged()) !== present);
      gatewayTimes.push(performance.now() - acknowledged);
      // The poller sees a change only if it lasts; a few of them are enough to compare with.
      if (change < 60) await poller.idle();
    }
    poller.stop();
    const [p50, p99] = [percentile(gatewayTimes, 0.5), percentile(gatewayTimes, 0.99)];
    return {
      what: "key put or deleted in a 3-server cluster → first request by it",
      measured: `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms`,
      beside: `a poller every ${POLL_INTERVAL} ms: p50 ${percentile(pollerTimes, 0.5).toFixed(0)} ms, p99 ${percentile(pollerTimes, 0.99).toFixed(0)} ms`,
      bound: "p50 ≤ 3 ms, p99 ≤ 20 ms",
      holds: p50 <= 3 && p99 <= 20,
      runs: `${CHANGES} changes; poller: ${pollerTimes.length}`,
    };
  } finally {
    agent.destroy();
  }
}

/** Looks every 500 ms whether the key is there, as a gateway that polls would, and tells when it first sees what is expected. */
function startPoller(key: string, agent: Agent) {
  let wanted: { present: boolean; seen: (at: number) => void } | undefined;
  let polling = false;
  const look = async () => {
    if (polling || wanted === undefined) return;
    polling = true;
    const { status } = await get(key, { agent });
    polling = false;
    if (wanted !== undefined && (status === 200) === wanted.present) {
      wanted.seen(performance.now());
      wanted = undefined;
    }
  };
  const timer = setInterval(() => void look(), POLL_INTERVAL);
  return {
    expect(present: boolean, seen: (at: number) => void) {
      wanted = { present, seen };
    },
    async idle() {
      while (wanted !== undefined) await new Promise((resolve) => setTimeout(resolve, 5 + Math.random() * 50));
    },
    stop() {
      clearInterval(timer);
      wanted = undefined;
    },
  };
}
