import { execa } from "execa";
import { afterEach, describe, expect, it } from "vitest";
import { docker } from "./support/engine";
import { get, underLoad, until } from "./support/load";
import { sharedStack } from "./support/shared";

const { stack, gateway, admin, consul } = sharedStack();
const GOODS = ["10.197.0.41:8000", "10.197.0.42:8000", "10.197.0.43:8000"];
const URLS = [`${gateway}/goods/1`, `${gateway}/orders/1`];
const ENTRY = '{"weight":1,"max_fails":2,"fail_timeout":10,"down":0,"backup":0}';

async function goodsPeers(): Promise<string[]> {
  const { services } = JSON.parse((await get(`${admin}/__gateway/upstreams`)).body) as {
    services: { goods: { peers: { address: string }[] } };
  };
  return services.goods.peers.map(({ address }) => address).sort();
}

async function kv(method: "PUT" | "DELETE", key: string, body?: string): Promise<void> {
  const { status } = await get(`${consul[0]}/v1/kv/${key}`, { method, body });
  expect(status).toBe(200);
}

/** Requests for a second at 50/s, and who answered. */
function oneSecondOfLoad() {
  return underLoad([`${gateway}/goods/1`], 50, () => new Promise((resolve) => setTimeout(resolve, 1000)));
}

async function servedBy(...instances: string[]): Promise<void> {
  await until(`goods is served by ${instances.join(", ")}`, async () => {
    const { byInstance, failures } = await oneSecondOfLoad();
    return failures.length === 0 && Object.keys(byInstance).sort().join() === instances.join();
  });
}

afterEach(async () => {
  await docker(
    "start",
    ...["goods-1", "goods-2", "goods-3", "discovery-1", "discovery-2", "discovery-3", "gateway-1"].map((node) => stack.container(node)),
  );
  await until("a leader", async () => (await get(`${consul[0]}/v1/status/leader`)).body.length > 5);
  for (const address of GOODS) await kv("PUT", `upstreams/goods/${address}`, ENTRY);
  await servedBy("goods-1", "goods-2", "goods-3");
});

describe("the gateway", () => {
  it("answers every request while one instance is killed under load, and sends to it again when it is back", async () => {
    const { sent, failures } = await underLoad(URLS, 50, async () => {
      await new Promise((resolve) => setTimeout(resolve, 1000));
      await docker("kill", stack.container("goods-2"));
      await new Promise((resolve) => setTimeout(resolve, 5000));
    });
    expect(sent).toBeGreaterThan(250);
    expect(failures).toEqual([]);
    await docker("start", stack.container("goods-2"));
    await servedBy("goods-1", "goods-2", "goods-3");
  });

  it("fails requests when all instances are killed, so the load above would have told", async () => {
    const { failures } = await underLoad([`${gateway}/goods/1`], 50, async () => {
      await docker("kill", ...["goods-1", "goods-2", "goods-3"].map((node) => stack.container(node)));
      await new Promise((resolve) => setTimeout(resolve, 1000));
    });
    expect(failures.length).toBeGreaterThan(10);
  });

  it("answers an order with a clear error, not a hang, while no goods instance is alive", async () => {
    await docker("kill", ...["goods-1", "goods-2", "goods-3"].map((node) => stack.container(node)));
    const started = performance.now();
    const { status, body } = await get(`${gateway}/orders/1`);
    expect(performance.now() - started).toBeLessThan(3000);
    expect(status).toBe(503);
    expect(JSON.parse(body)).toMatchObject({ upstream: "goods-rpc", tried: expect.arrayContaining([expect.anything()]) as unknown });
  });

  it("sends nothing to an instance whose key is deleted, and to it again when the key is back", async () => {
    await kv("DELETE", `upstreams/goods/${GOODS[0]}`);
    await until("the key's removal is seen", async () => !(await goodsPeers()).includes(GOODS[0] ?? ""));
    const { byInstance, failures } = await oneSecondOfLoad();
    expect(failures).toEqual([]);
    expect(Object.keys(byInstance)).not.toContain("goods-1");
    // Each worker has its own mind of who failed lately: the one that answers may have missed goods-3 in the test before.
    await servedBy("goods-2", "goods-3");
    await kv("PUT", `upstreams/goods/${GOODS[0]}`, ENTRY);
    await servedBy("goods-1", "goods-2", "goods-3");
  });

  it.each(["not json", '{"weight":0}', '{"weight":1000}', '{"weight":"heavy"}'])(
    "passes over an entry with the value %j, logs it and keeps the others",
    async (value) => {
      await kv("PUT", `upstreams/goods/${GOODS[1]}`, value);
      await until("the entry is passed over", async () => (await goodsPeers()).join() === [GOODS[0], GOODS[2]].join());
      await servedBy("goods-1", "goods-3");
      const logged = (await execa("docker", ["logs", "--since", "1m", stack.container("gateway-1")], { all: true })).all;
      expect(logged).toContain(`${GOODS[1]}`);
      expect(logged).toMatch(new RegExp(`gateway: .*${GOODS[1]?.replaceAll(".", "\\.")}`));
    },
  );

  it("keeps the last instances when all keys are deleted", async () => {
    for (const address of GOODS) await kv("DELETE", `upstreams/goods/${address}`);
    const { failures, sent } = await oneSecondOfLoad();
    expect(sent).toBeGreaterThan(40);
    expect(failures).toEqual([]);
  });

  it("goes on while all Consul servers are stopped, also after its own restart, and follows changes again when they are back", async () => {
    const servers = ["discovery-1", "discovery-2", "discovery-3"].map((node) => stack.container(node));
    const { failures, sent } = await underLoad(URLS, 50, async () => {
      await docker("stop", ...servers);
      await new Promise((resolve) => setTimeout(resolve, 2000));
    });
    expect(sent).toBeGreaterThan(100);
    expect(failures).toEqual([]);

    await docker("restart", stack.container("gateway-1"));
    await until("the gateway answers from its dump", async () => (await get(`${gateway}/goods/1`)).status === 200);
    const again = await oneSecondOfLoad();
    expect(again.failures).toEqual([]);
    expect(Object.keys(again.byInstance).sort()).toEqual(["goods-1", "goods-2", "goods-3"]);

    await docker("start", ...servers);
    await until("a leader", async () => (await get(`${consul[0]}/v1/status/leader`)).body.length > 5);
    await kv("DELETE", `upstreams/goods/${GOODS[2]}`);
    await until("the change is seen", async () => (await goodsPeers()).join() === [GOODS[0], GOODS[1]].join());
  });
});
