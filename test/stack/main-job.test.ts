import { describe, expect, it } from "vitest";
import { containersOf, docker } from "./support/engine";
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

  it("makes every node wait for the gate of the one before, and registers an instance behind its own", async () => {
    const { deployment } = JSON.parse(await stack.pulumi("stack", "export", "--stack", stack.name)) as {
      deployment: { resources: { urn: string; dependencies?: string[] }[] };
    };
    const name = (urn: string) => urn.split("::").pop() ?? "";
    const dependencies = Object.fromEntries(
      deployment.resources.map((resource) => [name(resource.urn), (resource.dependencies ?? []).map(name)]),
    );
    for (const n of [2, 3]) {
      expect(dependencies[`discovery-${n}`]).toContain(`discovery-${n - 1}-gate`);
      expect(dependencies[`discovery-${n}-config`]).toContain(`discovery-${n - 1}-gate`);
      expect(dependencies[`goods-${n}`]).toEqual(expect.arrayContaining([`goods-${n - 1}-gate`, `goods-${n - 1}-registration`]));
    }
    expect(dependencies["goods-1-registration"]).toEqual(expect.arrayContaining(["goods-1-gate", "gateway-1-gate", "discovery-3-gate"]));
  });

  it("has only outputs that are URLs which answer", async () => {
    const { endpoints } = await stack.outputs<{ endpoints: Record<string, string> }>();
    expect(Object.keys(endpoints).sort()).toEqual(["cdn", "consul", "gateway", "gatewayMetrics", "gatewayStatus"]);
    for (const url of Object.values(endpoints)) expect((await get(url)).status).toBeLessThan(500);
  });

  it("runs every container hardened", async () => {
    const containers = Object.entries(await containersOf(stack.label));
    expect(containers).toHaveLength(13);
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
    const config = await docker("exec", "--user", "8500:8500", stack.container("discovery-1"), "cat", "/consul/config/current/gossip.json");
    const { encrypt: key } = JSON.parse(config) as { encrypt: string };
    expect(key).toMatch(/^[A-Za-z0-9+/]{43}=$/);
    expect(await docker("exec", stack.container("discovery-1"), "stat", "--format", "%a %u", "/consul/config/current/gossip.json")).toBe(
      "400 8500",
    );
    expect(await stack.storedState()).not.toContain(key);
    expect(JSON.stringify(await containersOf(stack.label))).not.toContain(key);
  });

  it("has nothing to change, five times in a row and after a refresh", async () => {
    for (let n = 0; n < 5; n++) expect(await stack.preview()).toEqual([]);
    await stack.refresh();
    expect(await stack.preview()).toEqual([]);
  });
});
