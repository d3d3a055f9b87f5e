import { Agent } from "node:http";
import { docker } from "../test/stack/support/engine";
import { get, underLoad } from "../test/stack/support/load";
import type { Figure } from "./bench";
import type { ChangedStack } from "./changes";

const CHANGES = 10_000;
/** Before memory is looked at: what a worker takes once, it has taken by then. */
const WARM_UP = 1_000;
const RATE = 100;
const GROWTH_BOUND_KIB = 1024;
const KEYS = ["10.198.0.41:8000", "10.198.0.42:8000"];
const ENTRY = '{"weight":1,"max_fails":2,"fail_timeout":10,"down":0,"backup":0}';

/** Keys that go and come back without a pause, one of two at a time, while requests go on. */
export async function changesUnderLoad({ stack, gateway, admin, consul }: ChangedStack): Promise<Figure> {
  const agent = new Agent({ keepAlive: true });
  const change = async (times: number) => {
    for (let n = 0; n < times; n++) {
      const url = `${consul}/v1/kv/upstreams/goods/${KEYS[Math.floor(n / 2) % 2]}`;
      const { status } = await get(url, { agent, ...(n % 2 === 0 ? { method: "DELETE" } : { method: "PUT", body: ENTRY }) });
      if (status !== 200) throw new Error(`Consul answered ${status}`);
    }
  };
  try {
    for (const key of KEYS) await get(`${consul}/v1/kv/upstreams/goods/${key}`, { method: "PUT", body: ENTRY });
    let shortest = Infinity;
    let [before, after] = [[] as Worker[], [] as Worker[]];
    const watch = setInterval(() => void peersOf(admin, agent).then((peers) => (shortest = Math.min(shortest, peers))), 100);
    const load = await underLoad([`${gateway}/goods/1`], RATE, async () => {
      await change(WARM_UP);
      before = await workersOf(stack.container("gateway-1"));
      await change(CHANGES);
      after = await workersOf(stack.container("gateway-1"));
    });
    clearInterval(watch);
    const growth = residentKiB(after) - residentKiB(before);
    const died = before.filter(({ pid }) => !after.some((worker) => worker.pid === pid)).length;
    return {
      what: `${CHANGES} changes of keys under ${RATE} requests/s`,
      measured: `${load.failures.length} of ${load.sent} requests failed, memory ${growth >= 0 ? "+" : "−"}${Math.abs(growth)} KiB, ${died} workers died, shortest list ${shortest}`,
      beside: "–",
      bound: `none failed, ≤ ${GROWTH_BOUND_KIB} KiB more, no worker died, never empty`,
      holds: load.failures.length === 0 && growth <= GROWTH_BOUND_KIB && died === 0 && shortest >= 1,
      runs: `after ${WARM_UP} changes; the list looked at ten times a second`,
    };
  } finally {
    agent.destroy();
  }
}

interface Worker {
  readonly pid: string;
  readonly residentKiB: number;
}

function residentKiB(workers: readonly Worker[]): number {
  return workers.reduce((sum, worker) => sum + worker.residentKiB, 0);
}

async function workersOf(container: string): Promise<Worker[]> {
  return (await docker("top", container, "-o", "pid,rss,args"))
    .split("\n")
    .filter((line) => line.includes("worker process"))
    .map((line) => line.trim().split(/\s+/))
    .map(([pid = "", resident]) => ({ pid, residentKiB: Number(resident) }));
}

async function peersOf(admin: string, agent: Agent): Promise<number> {
  const { services } = JSON.parse((await get(`${admin}/__gateway/upstreams`, { agent })).body) as {
    services: { goods: { peers: unknown[] } };
  };
  return services.goods.peers.length;
}
