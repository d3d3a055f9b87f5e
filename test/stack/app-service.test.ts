import { afterAll, describe, expect, it } from "vitest";
import { get, underLoad } from "./support/load";
import { sharedStack } from "./support/shared";

const { stack, gateway, consul } = sharedStack();
const URLS = [`${gateway}/goods/1`, `${gateway}/orders/1`];

async function keys(prefix: string): Promise<string[]> {
  const { body, status } = await get(`${consul[0]}/v1/kv/${prefix}?keys`);
  return status === 404 ? [] : (JSON.parse(body) as string[]).sort();
}

afterAll(async () => {
  await stack.reset();
  await stack.up();
});

describe("an app service", () => {
  it("drains the instance that leaves and serves the one that comes, under load, without a failed request", async () => {
    const shrunk = await underLoad(URLS, 50, () => stack.up({ goods: { instances: 2 } }));
    expect(await keys("upstreams/goods/")).toEqual([41, 42].map((host) => `upstreams/goods/10.197.0.${host}:8000`));
    const grown = await underLoad(URLS, 50, () => stack.up({ goods: { instances: 4 } }));
    expect(await keys("upstreams/goods-rpc/")).toHaveLength(4);
    expect([shrunk.failures, grown.failures]).toEqual([[], []]);
    expect(
      Object.keys((await underLoad([URLS[0] ?? ""], 50, () => new Promise((resolve) => setTimeout(resolve, 1000)))).byInstance),
    ).toHaveLength(4);
  });

  it("lets instances write their own keys, and rolls them without a failed request too", async () => {
    const { failures } = await underLoad(URLS, 50, () => stack.up({ goods: { instances: 3, registration: "self" } }));
    expect(failures).toEqual([]);
    expect(await keys("upstreams/goods/")).toHaveLength(3);
    expect(await keys("upstreams/goods-rpc/")).toHaveLength(3);
    const rolled = await underLoad(URLS, 50, () => stack.up({ goods: { instances: 3, registration: "self", environment: { ROLL: "2" } } }));
    expect(rolled.failures).toEqual([]);
    expect(await keys("upstreams/goods/")).toHaveLength(3);
  });
});
