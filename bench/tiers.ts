import { burst, requestsOf, tally } from "../test/stack/support/burst";
import { CountingService, perSecond } from "../test/stack/support/counting-service";
import { isKept } from "../test/stack/support/kept-answer";
import { type Tier, tiersOf } from "../test/stack/support/leaky-bucket";
import { get, until } from "../test/stack/support/load";
import { TestStack, freePorts } from "../test/stack/support/test-stack";
import type { Figure } from "./bench";

const BURST = 5000;
const ROUNDS = 5;
const BUCKET = { rate: 50, capacity: 1000, delays: { service: 1, cache: 7, static: 19 } };
const GATEWAY = "10.153.0.21";
/** What a burst of no length at all is given. */
const AT_ONCE = tiersOf(
  Array.from({ length: BURST }, () => 0),
  BUCKET,
);
const BOUND = 0.01;

interface Round {
  readonly counts: Readonly<Record<string, number>>;
  /** The largest difference between what a tier answered and what it had to, as a share of that. */
  readonly off: number;
  readonly most: number;
}

/** Which tiers answer a burst, beside what the bucket's arithmetic says of the times at which its requests came. */
export async function tiers(): Promise<Figure[]> {
  const port = await freePorts(5);
  const program = "test/stack/programs/gateway-tiers/program.cjs";
  const stack = await TestStack.create("bench", { port, tiers: { goods: BUCKET } }, program);
  const service = new CountingService();
  try {
    await stack.up();
    const key = `upstreams/goods/10.153.0.1:${await service.start("10.153.0.1")}`;
    await get(`http://127.0.0.1:${port}/v1/kv/${key}`, { method: "PUT", body: "{}" });
    const rounds: Round[] = [];
    for (let number = 1; number <= ROUNDS; number++) rounds.push(await round(stack, service, `/goods/${number}`));
    return figures(rounds);
  } finally {
    await service.stop();
    await stack.remove();
  }
}

async function round(stack: TestStack, service: CountingService, path: string): Promise<Round> {
  const admin = `http://${GATEWAY}:8081/__gateway/tiers`;
  let asked = 0;
  await until("the service's answer is kept", async () => {
    asked++;
    await get(`http://${GATEWAY}:8080${path}`);
    return isKept(stack.container("cache-1"), "goods", `http://${GATEWAY}${path}`);
  });
  await until("the bucket is empty", async () => {
    const { locations } = JSON.parse((await get(admin)).body) as { locations: { goods: { delay: number } } };
    return locations.goods.delay === 0;
  });
  const [before, began] = [service.times.length, performance.now()];
  const counts = tally(await burst(`${GATEWAY}:8080`, path, BURST));
  const logged = (await requestsOf(stack.container("gateway-1"), path, asked + BURST)).slice(asked);
  const arrivals = logged.map(({ arrival }) => arrival);
  const expected = tiersOf(arrivals, BUCKET);
  const off = Object.entries(expected).map(([tier, count]) => Math.abs(answered(counts, tier as Tier) - count) / count);
  return { counts, off: Math.max(...off), most: Math.max(...perSecond(service.times.slice(before), began)) };
}

function answered(counts: Readonly<Record<string, number>>, tier: Tier): number {
  return counts[`${tier} ${tier === "rejected" ? 503 : 200}`] ?? 0;
}

function figures(rounds: readonly Round[]): Figure[] {
  const names: readonly Tier[] = ["service", "cache", "static", "rejected"];
  const range = (tier: Tier) => {
    const found = rounds.map(({ counts }) => answered(counts, tier));
    return `${tier} ${[...new Set([Math.min(...found), Math.max(...found)])].join("–")}`;
  };
  const off = Math.max(...rounds.map((each) => each.off));
  const others = rounds.flatMap(({ counts }) => BURST - names.reduce((sum, tier) => sum + answered(counts, tier), 0));
  const most = Math.max(...rounds.map((each) => each.most));
  return [
    {
      what: `${BURST} requests at once at ${BUCKET.rate}/s: who answers`,
      measured: `${names.map(range).join(", ")}; ${(off * 100).toFixed(1)} % off the arithmetic at the most, ${Math.max(...others)} with another status`,
      beside: `the arithmetic for all in one instant: ${names.map((tier) => AT_ONCE[tier]).join(", ")}`,
      bound: `≤ ${BOUND * 100} %, none`,
      holds: off <= BOUND && others.every((count) => count === 0),
      runs: `${ROUNDS} bursts`,
    },
    {
      what: "most requests of such a burst that the service got in any second from its beginning",
      measured: String(most),
      beside: "–",
      // The first comes at once and the last when the second is over: one more than the rate in a second with both of its ends.
      bound: `≤ ${BUCKET.rate}`,
      holds: most <= BUCKET.rate,
      runs: `${ROUNDS} bursts`,
    },
  ];
}
