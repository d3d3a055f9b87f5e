import { describe, expect, it } from "vitest";
import { containersOf } from "./support/engine";
import { get } from "./support/load";
import { sharedStack } from "./support/shared";

const { stack, gateway, admin, consul } = sharedStack();

interface GatewayStatus {
  services: Record<string, { source: string; peers: { address: string }[] }>;
}

async function answeringInstances(path: string): Promise<string[]> {
  const answers = await Promise.all(Array.from({ length: 12 }, () => get(`${gateway}${path}`)));
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
  return [...new Set(answers.map(({ headers }) => String(headers["x-instance"])))].sort();
}

describe("the stack, once it is up", () => {
  it("answers /goods/1 from three instances and /orders/1 from two, which name the goods instances they asked", async () => {
    expect(await answeringInstances("/goods/1")).toEqual(["goods-1", "goods-2", "goods-3"]);
    expect(await answeringInstances("/orders/1")).toEqual(["order-1", "order-2"]);
    const order = JSON.parse((await get(`${gateway}/orders/1`)).body) as { goods: { instance: string }[] };
    expect(order.goods.map(({ instance }) => instance)).toEqual(order.goods.map(() => expect.stringMatching(/^goods-[123]$/) as string));
  });

  it("tells which instances the gateway uses, from Consul", async () => {
    const { services } = JSON.parse((await get(`${admin}/__gateway/upstreams`)).body) as GatewayStatus;
    expect(services.goods).toMatchObject({ source: "consul" });
    expect(services.goods?.peers.map(({ address }) => address).sort()).toEqual([
      "10.197.0.41:8000",
      "10.197.0.42:8000",
      "10.197.0.43:8000",
    ]);
    expect(services.order?.peers).toHaveLength(2);
  });

  it("has every port of every instance checked by Consul, and serves the UI", async () => {
    for (const [service, instances] of [
      ["goods", 3],
      ["goods-rpc", 3],
      ["order", 2],
      ["order-rpc", 2],
    ] as const) {
      const entries = JSON.parse((await get(`${consul[0]}/v1/health/service/${service}`)).body) as {
        Checks: { Type: string; Interval: string; Timeout: string }[];
      }[];
      expect(entries).toHaveLength(instances);
      expect(entries[0]?.Checks).toContainEqual(expect.objectContaining({ Type: "tcp", Interval: "10s", Timeout: "2s" }));
    }
    const ui = await get(`${consul[0]}/ui/`);
    expect(ui.status).toBe(200);
    expect(ui.body).toContain("Consul");
  });

  it("has only outputs that are URLs which answer", async () => {
    const { endpoints } = await stack.outputs<{ endpoints: Record<string, string> }>();
    expect(Object.keys(endpoints).sort()).toEqual(["consul", "gateway", "gatewayStatus"]);
    for (const url of Object.values(endpoints)) expect((await get(url)).status).toBeLessThan(500);
  });

  it("runs every container hardened", async () => {
    const containers = Object.entries(await containersOf(stack.label));
    expect(containers).toHaveLength(9);
    for (const [node, { Config, HostConfig }] of containers) {
      expect.soft(Config.User, node).toMatch(/^[1-9]\d*:[1-9]\d*$/);
      expect.soft(HostConfig, node).toMatchObject({
        ReadonlyRootfs: true,
        CapDrop: ["ALL"],
        SecurityOpt: ["no-new-privileges:true"],
        PidsLimit: 512,
        LogConfig: { Config: { "max-size": "10m", "max-file": "3" } },
      });
      expect.soft(HostConfig.CapAdd ?? [], node).toEqual([]);
      expect.soft(HostConfig.Memory, node).toBeGreaterThan(0);
      expect.soft(HostConfig.NanoCpus, node).toBeGreaterThan(0);
      for (const bindings of Object.values(HostConfig.PortBindings ?? {}))
        expect
          .soft(
            bindings.map(({ HostIp }) => HostIp),
            node,
          )
          .toEqual(["127.0.0.1"]);
    }
  });

  it("keeps the gossip key out of environments, command lines and labels, and encrypted in the state", async () => {
    const state = await stack.storedState();
    expect(state).toContain("RandomBytes");
    expect(state).not.toMatch(/encrypt\\*":/);
    const seen = JSON.stringify(await containersOf(stack.label));
    expect(seen).not.toMatch(/encrypt/i);
  });

  it("has nothing to change, five times in a row and after a refresh", async () => {
    for (let n = 0; n < 5; n++) expect(await stack.preview()).toEqual([]);
    await stack.refresh();
    expect(await stack.preview()).toEqual([]);
  });
});
