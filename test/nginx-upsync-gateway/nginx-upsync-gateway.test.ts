import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { NginxUpsyncGatewayArgs, normalizeNginxUpsyncGatewayArgs } from "../../components/nginx-upsync-gateway/args";
import { Host } from "../../components/core/host";
import { imageReference } from "../../components/core/images";
import { NginxUpsyncGateway } from "../../components/nginx-upsync-gateway/nginx-upsync-gateway";
import { emptyNetwork, recordResources, settled } from "../mocks";

const registered = recordResources();
const network = emptyNetwork({ gateway: "10.89.0.10", edge: "10.89.0.20", refused: "10.89.0.30" });
const common = { network, consul: { servers: [{ host: "10.89.0.21", port: 8500 }] }, services: { goods: { path: "/goods/" } } };
const args = (change: Partial<NginxUpsyncGatewayArgs>) => normalizeNginxUpsyncGatewayArgs("refused", { ...common, ...change });

describe("Lua of the user's own", () => {
  it("is loaded in preview, in a container that is thrown away, where the image is there", () => {
    const scripts: string[] = [];
    const refused = (_: string, script: string) => {
      scripts.push(script);
      return "[error] 7#7: init_by_lua error: the Lua of hello cannot be used: hello.lua:1: unexpected symbol";
    };
    const images = [imageReference("nginx")];
    const host = new Host({ name: "local", inventory: { networks: [], ports: [], images, refused } });
    const tried = { ...common, network: emptyNetwork({ tried: "10.89.0.10", plain: "10.89.0.11" }, "10.89.0.0/24", host) };
    const lua = { locations: { hello: { path: "/hello", code: "return )" } } };
    expect(() => new NginxUpsyncGateway("tried", { ...tried, lua })).toThrow(
      /tried\.lua\.locations\.hello: must be what nginx takes, .*hello\.lua:1: unexpected symbol/,
    );
    expect(scripts[0]).toContain("lua/site/locations/hello.lua");
    expect(scripts[0]).toContain("-c check.conf");
    new NginxUpsyncGateway("plain", { ...tried, publishedPort: 7080, publishedAdminPort: 7081 });
    expect(scripts).toHaveLength(1);
  });
});

describe("several gateways", () => {
  it("are published one behind the other, the admin pages behind them", () => {
    expect(args({})).toMatchObject({ instances: 1, publishedPort: 8080, publishedAdminPort: 8081 });
    expect(args({ instances: 3 })).toMatchObject({ publishedPort: 8080, publishedAdminPort: 8083 });
    expect(args({ instances: 3, adminPort: 7000 })).toMatchObject({ publishedAdminPort: 7000 });
  });

  it.each<[Partial<NginxUpsyncGatewayArgs>, string]>([
    [{ instances: 0 }, "refused.instances: must be 1 to 8 gateways; each holds connections to every instance of every service, got 0"],
    [{ instances: 1.5 }, "refused.instances: must be 1 to 8 gateways; each holds connections to every instance of every service, got 1.5"],
    [
      { memoryMiB: 64, workers: 32 },
      "refused.memoryMiB: must give each of 32 workers 128 connections that take what they can; raise it, or lower workers, requests.maxHeaderKiB, fill.maxKiB or zoneMiB, got 64",
    ],
    [
      { memoryMiB: 256, lua: { locations: { large: { path: "/large", code: "return function() end", maxBodyKiB: 8192 } } } },
      "refused.lua.locations.large.maxBodyKiB: must let 4 requests at once have such bodies in memory; lower it, or raise memoryMiB, got 8192",
    ],
    [{ publishedPort: 0 }, "refused.publishedPort: must be a port from 1 to 65535, got 0"],
    [{ publishedAdminPort: 8080 }, "refused.publishedAdminPort: must differ from publishedPort, got 8080"],
    [
      { instances: 3, publishedAdminPort: 8082 },
      "refused.publishedAdminPort: must leave 3 ports to each side of publishedPort, one for every gateway, got 8082",
    ],
  ])("are refused with %j", (change, line) => {
    expect(() => args(change)).toThrow(line);
  });

  it("have a node, data and addresses each, and are told of apart to those who wait for them", async () => {
    const redis = { endpoints: [{ host: "10.89.0.31", port: 6379 }], user: "edge", password: pulumi.secret("sesame") };
    const [one, two] = [
      new NginxUpsyncGateway("gateway", common),
      new NginxUpsyncGateway("edge", { ...common, publishedPort: 9080, publishedAdminPort: 9082, instances: 2, redis }),
    ];
    expect([String(one.endpoint), String(one.internal), String(one.admin)]).toEqual([
      "127.0.0.1:8080",
      "10.89.0.10:8080",
      "127.0.0.1:8081",
    ]);
    expect(two.endpoints.map(String)).toEqual(["127.0.0.1:9080", "127.0.0.1:9081"]);
    expect(two.admins.map(String)).toEqual(["127.0.0.1:9082", "127.0.0.1:9083"]);
    expect(two.internals.map(String)).toEqual(["10.89.0.20:8080", "10.89.0.21:8080"]);
    expect(two.followers.map(({ container }) => container)).toEqual(["dockyard-unit-edge-1", "dockyard-unit-edge-2"]);
    expect(two.listen.servers).toMatchObject({ "edge-1": { endpoint: two.internals[0] }, "edge-2": { endpoint: two.internals[1] } });

    const resources = await settled(registered);
    const named = (part: string) => resources.filter(({ name }) => name.includes(part));
    expect(named("edge-").map(({ name }) => name)).toEqual(
      expect.arrayContaining([
        "edge-1",
        "edge-2",
        "edge-1-data",
        "edge-2-data",
        "edge-1-config",
        "edge-2-config",
        "edge-1-gate",
        "edge-2-gate",
      ]),
    );
    // One alone is not waited for by anybody before it is replaced.
    expect(named("gateway-1-gate")[0]?.inputs).not.toHaveProperty("delete");
    expect(named("edge-1-gate")[0]?.inputs).toHaveProperty("delete");
    const containers = resources.filter(({ type }) => type === "docker:index/container:Container");
    expect(JSON.stringify(containers)).not.toContain("sesame");
  });
});
