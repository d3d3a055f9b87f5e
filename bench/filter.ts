import { RedisBloomFilter } from "../apps/shop/src/cache/bloom-filter";
import { docker } from "../test/stack/support/engine";
import { get, until } from "../test/stack/support/load";
import { goodsQueries } from "../test/stack/support/mysql";
import { linkTo } from "../test/stack/support/redis";
import { withoutAllBut } from "../test/stack/support/systems";
import type { Figure } from "./bench";
import { benchStack } from "./bench-stack";

const GOODS = 100_000;
const LOOKUPS = 1_000_000;
const FLOOD = 20_000;
/** Look-ups, and requests, that are on their way at the same time. */
const AT_ONCE = 500;
const CLIENTS = 16;
/** As the stack's program asks for of its filter of goods. */
const ERROR_RATE = 0.001;

/** Look-ups in the filter of goods, and what a flood of absent ids costs the databases behind it. */
export async function filter(): Promise<Figure[]> {
  const { stack, gateway } = await benchStack({ without: withoutAllBut("mysql", "redis"), order: { instances: 1 } });
  try {
    await stack.up();
    const { endpoints, logins } = await stack.secretOutputs<{ endpoints: { redis: string }; logins: { redis: { password: string } } }>();
    const endpoint = new URL(endpoints.redis).host;
    const link = await linkTo({ sentinels: [], endpoints: [endpoint], user: "goods", password: logins.redis.password });
    try {
      await docker("exec", stack.container("goods-1"), "node", "/app/shop.js", "seed", String(GOODS));
      const known = new RedisBloomFilter(link, "goods:known");
      const looked = await lookUps(known);
      await until("the filter counts", async () => {
        const [server, filled] = await Promise.all([link.call("INFO", "server"), link.get("goods:filled")]);
        return filled !== undefined && String(server).includes(`run_id:${filled}`);
      });
      const containers = [1, 2, 3].map((node) => stack.container(`mysql-${node}`));
      const before = await goodsQueries(containers);
      await flood(gateway);
      const asked = (await goodsQueries(containers)) - before;
      return [
        {
          what: `${LOOKUPS} look-ups in a Bloom filter of ${GOODS} ids, error rate ${ERROR_RATE}`,
          measured: `${((looked.strange / (LOOKUPS / 2)) * 100).toFixed(3)} % false positives, ${looked.missed} false negatives; ${Math.round(looked.perSecond)} look-ups/s`,
          beside: "–",
          bound: `≤ ${ERROR_RATE * 100} %, none`,
          holds: looked.strange / (LOOKUPS / 2) <= ERROR_RATE && looked.missed === 0,
          runs: "half of ids that are there, half of others",
        },
        {
          what: `${FLOOD} requests for absent goods → queries of MySQL`,
          measured: `${asked}, ${((asked / FLOOD) * 100).toFixed(2)} %`,
          beside: "without a filter each request is a query",
          bound: "< 1 %",
          holds: asked / FLOOD < 0.01,
          runs: "1",
        },
      ];
    } finally {
      await link.close();
    }
  } finally {
    await stack.remove();
  }
}

async function lookUps(known: RedisBloomFilter): Promise<{ strange: number; missed: number; perSecond: number }> {
  let [strange, missed] = [0, 0];
  const began = performance.now();
  for (let at = 0; at < LOOKUPS / 2; at += AT_ONCE / 2) {
    const numbers = Array.from({ length: AT_ONCE / 2 }, (_, index) => at + index);
    const [there, others] = await Promise.all([
      Promise.all(numbers.map((number) => known.mayContain(String(1 + (number % GOODS))))),
      Promise.all(numbers.map((number) => known.mayContain(String(10_000_000 + number)))),
    ]);
    missed += there.filter((contained) => !contained).length;
    strange += others.filter(Boolean).length;
  }
  return { strange, missed, perSecond: (LOOKUPS / (performance.now() - began)) * 1000 };
}

async function flood(gateway: string): Promise<void> {
  let next = 50_000_000;
  const last = next + FLOOD;
  const client = async () => {
    while (next < last) {
      const { status } = await get(`${gateway}/goods/${next++}`);
      if (status !== 404) throw new Error(`an absent article was answered with ${status}`);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
}
