import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { AppService } from "../../components/app-service/app-service";
import { AppServiceArgs, normalizeAppServiceArgs } from "../../components/app-service/args";
import { ConsulClient } from "../../components/core/consul-client";
import { Endpoint } from "../../components/core/endpoint";
import { emptyNetwork, recordResources, settled } from "../mocks";

const registered = recordResources();
const network = emptyNetwork({ goods: "10.89.0.41", self: "10.89.0.61", filled: "10.89.0.71", keeping: "10.89.0.76" });
const consul = new ConsulClient(
  [
    { docker: ["docker"], container: "shop-dev-discovery-1", endpoint: new Endpoint("10.89.0.11", 8500) },
    { docker: ["docker"], container: "shop-dev-discovery-2", endpoint: new Endpoint("10.89.0.12", 8500) },
  ],
  [],
);
const followers = [
  { docker: ["docker"], container: "shop-dev-gateway-1", adminPort: 8081, services: ["goods", "self", "filled", "keeping"], ready: [] },
];
const args: AppServiceArgs = {
  network,
  consul,
  followers,
  image: "goods:1",
  command: ["/goods"],
  user: "1000:1000",
  ports: { http: 8000, rpc: 9000 },
  health: { command: ["/goods", "health"] },
};

describe("an app service's arguments", () => {
  it("are one instance, registered by the stack and checked over TCP every 10 s with 2 s to answer", () => {
    expect(normalizeAppServiceArgs("goods", args)).toMatchObject({
      instances: 1,
      registration: "stack",
      kvPrefix: "upstreams",
      check: { type: "tcp", intervalSeconds: 10, timeoutSeconds: 2 },
      upstream: { weight: 1, maxFails: 2, failTimeoutSeconds: 10, down: false, backup: false },
    });
  });

  it("are refused all at once, each with what to do", () => {
    expect(() =>
      normalizeAppServiceArgs("Goods", {
        ...args,
        instances: 0,
        registration: "never" as "self",
        ports: { HTTP: 80, rpc: 80 },
        memoryMiB: 1,
        drainTimeoutSeconds: 0,
        dataPath: "data",
        secrets: { "../token": "" },
      }),
    ).toThrow(
      /Goods\.name: .*\nGoods\.instances: .*\nGoods\.ports: must be different .*\nGoods\.registration: must be "stack" or "self", got "never"\nGoods\.memoryMiB: .*\nGoods\.drainTimeoutSeconds: .*\nGoods\.dataPath: must be an absolute path .*, got "data"\nGoods\.secrets\.\.\.\/token: must be called by letters.*\nGoods\.ports\.HTTP: .*\nGoods\.ports\.HTTP: must be 1024 to 65535/,
    );
  });

  it("refuse a weight and a check that cannot be", () => {
    expect(() => normalizeAppServiceArgs("goods", { ...args, upstream: { weight: 101 } })).toThrow(
      "goods.upstream.weight: must be a whole number from 1 to 100",
    );
    expect(() => normalizeAppServiceArgs("goods", { ...args, check: { intervalSeconds: 1, timeoutSeconds: 2 } })).toThrow(
      "goods.check.timeoutSeconds: must be more than 0 and no longer than the interval",
    );
  });

  it("refuse what would be passed over in silence: a gateway that routes nothing of it, a variable that an instance is told", () => {
    expect(() => normalizeAppServiceArgs("carts", { ...args, environment: { HTTP_PORT: "1", SERVICE: "x", LEVEL: "info" } })).toThrow(
      /carts\.followers: must be among what the followers route: goods, self, filled, keeping; .*, got \["carts","carts-rpc"\]\ncarts\.environment\.HTTP_PORT: must be left out: .*, got "1"\ncarts\.environment\.SERVICE: [^\n]*$/,
    );
  });
});

describe("an app service", () => {
  it("tells each instance its own name, address and ports, and registers it once it is healthy", async () => {
    const goods = new AppService("goods", { ...args, instances: 2 });
    expect(goods.endpoints.rpc?.map(String)).toEqual(["10.89.0.41:9000", "10.89.0.42:9000"]);
    await settled(registered);
    expect(registered.find(({ name }) => name === "goods-2")?.inputs.envs).toEqual([
      "BIND_ADDRESS=10.89.0.42",
      "CONSUL_URLS=http://10.89.0.11:8500,http://10.89.0.12:8500",
      "HTTP_PORT=8000",
      "INSTANCE=goods-2",
      "REGISTRATION=stack",
      "RPC_PORT=9000",
      "SERVICE=goods",
      "UPSTREAM_PREFIX=upstreams",
    ]);
    const inputs = registered.find(({ name }) => name === "goods-2-registration")?.inputs;
    expect(inputs?.triggers).toEqual(["goods-2-id", "upstreams/goods/10.89.0.42:8000", "upstreams/goods-rpc/10.89.0.42:9000"]);
    await expect(inputs?.create).toMatchFileSnapshot("golden/register.sh");
    await expect(inputs?.delete).toMatchFileSnapshot("golden/deregister.sh");
  });

  it("leaves the keys to instances that write them themselves", async () => {
    const own = recordResources();
    new AppService("self", { ...args, registration: "self", upstream: { weight: 5 } });
    await settled(own);
    expect(own.map(({ name }) => name).filter((name) => name.endsWith("-registration"))).toEqual([]);
    expect(own.find(({ name }) => name === "self-1")?.inputs.envs).toEqual(
      expect.arrayContaining(["REGISTRATION=self", "WEIGHT=5", "CHECK_INTERVAL=10s", "CHECK_TIMEOUT=2s"]),
    );
  });

  it("mounts what is filled for each instance", async () => {
    const own = recordResources();
    const ready = new pulumi.ComponentResource("test:index:Files", "files");
    const mounts = (instance: string) => [{ mount: { volume: `${instance}-ssh`, path: "/etc/ssh/mesh", readOnly: true }, ready }];
    new AppService("filled", { ...args, instances: 2, mounts });
    await settled(own);
    expect(own.find(({ name }) => name === "filled-2")?.inputs.volumes).toEqual([
      { volumeName: "filled-2-ssh", containerPath: "/etc/ssh/mesh", readOnly: true },
    ]);
  });

  it("gives each instance its secrets as files, by standard input, and keeps its data on a volume of its own", async () => {
    const own = recordResources();
    new AppService("keeping", { ...args, instances: 2, secrets: { token: "t0ken" }, dataPath: "/data" });
    await settled(own);
    expect(own.find(({ name }) => name === "keeping-2")?.inputs.volumes).toEqual([
      { volumeName: "dockyard-unit-keeping-2-data", containerPath: "/data", readOnly: false },
      { volumeName: "dockyard-unit-keeping-2-config", containerPath: "/run/secrets", readOnly: true },
    ]);
    const { inputs } = own.find(({ name, type }) => name === "keeping-2-config" && type === "command:local:Command") ?? { inputs: {} };
    const { stdin } = inputs as { stdin: string | { value: string } };
    // A secret is wrapped on its way to the engine.
    expect(stdin).toBeTypeOf("object");
    expect((stdin as { value: string }).value).toMatch(/t0ken[^]*chmod 0400 \/run\/secrets\/[0-9a-f]+\.part\/token/);
    expect(JSON.stringify(own.filter(({ name }) => name === "keeping-2"))).not.toContain("t0ken");
  });
});
