import { describe, expect, it } from "vitest";
import { normalizeConsulUpstreamArgs } from "../../components/consul-upstream/args";
import { ConsulUpstream } from "../../components/consul-upstream/consul-upstream";
import { ConsulClient } from "../../components/core/consul-client";
import { Endpoint } from "../../components/core/endpoint";
import { recordResources, settled } from "../mocks";

const registered = recordResources();
const consul = new ConsulClient(
  [{ docker: ["docker"], container: "shop-dev-discovery-1", endpoint: new Endpoint("10.89.0.11", 8500) }],
  [],
);

describe("a Consul upstream", () => {
  it("refuses instances that cannot be reached or are named twice, all at once", () => {
    const instances = [
      { address: "db.example", port: 80 },
      { address: "10.0.0.7", port: 0 },
      { address: "10.0.0.7", port: 0 },
    ];
    expect(() => normalizeConsulUpstreamArgs("legacy", { consul, instances })).toThrow(
      /legacy\.instances: must be different.*\nlegacy\.instances\[0\]\.address: .*\nlegacy\.instances\[1\]\.port: /,
    );
  });

  it("has one resource for each instance, called by its address, so that taking one out leaves the others alone", async () => {
    new ConsulUpstream("legacy", {
      consul,
      instances: [
        { address: "10.0.0.7", port: 8080, upstream: { weight: 5, backup: true } },
        { address: "10.0.0.8", port: 8080 },
      ],
    });
    await settled(registered);
    const names = registered.filter(({ type }) => type === "command:local:Command").map(({ name }) => name);
    expect(names.sort()).toEqual(["legacy-10-0-0-7-8080", "legacy-10-0-0-8-8080"]);
    const create = String(registered.find(({ name }) => name === "legacy-10-0-0-7-8080")?.inputs.create);
    expect(create).toContain(
      `consul kv put upstreams/legacy/10.0.0.7:8080 '{"weight":5,"max_fails":2,"fail_timeout":10,"down":0,"backup":1}'`,
    );
  });
});
