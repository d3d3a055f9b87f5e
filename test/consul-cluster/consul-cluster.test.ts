import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { ConsulCluster } from "../../components/consul-cluster/consul-cluster";
import { normalizeConsulClusterArgs } from "../../components/consul-cluster/args";
import { consulCommand, seedsOf } from "../../components/consul-cluster/consul-config";
import { consulLeaveCommand, consulSpareCondition, consulWholeCondition } from "../../components/consul-cluster/consul-gate";
import { emptyNetwork, recordResources, settled } from "../mocks";

const registered = recordResources();
const network = emptyNetwork({ discovery: "10.89.0.11", small: "10.89.0.31" });

describe("a Consul cluster's arguments", () => {
  it("are three fast servers by default", () => {
    expect(normalizeConsulClusterArgs("discovery", { network })).toMatchObject({
      servers: 3,
      raftMultiplier: 1,
      apiPort: 8500,
      logLevel: "info",
      datacenter: "dc1",
    });
  });

  it.each([0, 2, 4, -3, 9, 2.5])("refuse %s servers, with what to use", (servers) => {
    expect(() => normalizeConsulClusterArgs("discovery", { network, servers })).toThrow(
      "discovery.servers: must be 1, 3, 5 or 7; an even number cannot hold a majority after a split",
    );
  });

  it("are refused all at once", () => {
    expect(() =>
      normalizeConsulClusterArgs("Discovery", {
        network,
        servers: 2,
        raftMultiplier: 11,
        logLevel: "loud",
        apiPort: 65_535,
        memoryMiB: 1,
        datacenter: "DC 1",
      }),
    ).toThrow(
      /Discovery\.servers: .*\nDiscovery\.name: .*\nDiscovery\.datacenter: .*\nDiscovery\.raftMultiplier: .*\nDiscovery\.logLevel: must be one of trace, debug, info, warn, error, got "loud"\nDiscovery\.apiPort: .*\nDiscovery\.memoryMiB: /,
    );
  });
});

describe("a Consul server's command line", () => {
  const addresses = ["10.89.0.11", "10.89.0.12", "10.89.0.13", "10.89.0.14", "10.89.0.15"];
  const command = (index: number, count: number) =>
    consulCommand({
      node: `discovery-${index + 1}`,
      address: addresses[index] ?? "",
      datacenter: "dc1",
      raftMultiplier: 1,
      seeds: seedsOf(addresses.slice(0, count)),
    });

  it("is that of the requirements", () => {
    expect(command(0, 3)).toEqual([
      "consul",
      "agent",
      "-server",
      "-bootstrap-expect=3",
      "-datacenter=dc1",
      "-node=discovery-1",
      "-bind=10.89.0.11",
      "-client=0.0.0.0",
      "-ui",
      "-retry-join=10.89.0.11",
      "-retry-join=10.89.0.12",
      "-retry-join=10.89.0.13",
      "-retry-interval=1s",
      "-disable-keyring-file",
      "-hcl=performance { raft_multiplier = 1 }",
      "-config-dir=/consul/config/current",
    ]);
  });

  it("does not change when the cluster grows, so that growing replaces nobody", () => {
    expect([0, 1, 2].map((index) => command(index, 5))).toEqual([0, 1, 2].map((index) => command(index, 3)));
  });
});

describe("a Consul cluster's shell commands", () => {
  const nodes = [1, 2, 3].map((n) => ({ name: `discovery-${n}`, docker: ["docker"], container: `shop-dev-discovery-${n}` }));
  const [first, second, third] = nodes;
  if (!first || !second || !third) throw new Error("there are three");

  it("let the first servers pass while nobody has formed a cluster yet, but not the last", async () => {
    await expect(consulWholeCondition(first, 1, nodes)).toMatchFileSnapshot("golden/gate-first.sh");
    await expect(consulWholeCondition(third, 3, nodes)).toMatchFileSnapshot("golden/gate-last.sh");
  });

  it("ask the leader whether the others are enough before a server goes", async () => {
    await expect(consulSpareCondition(second, "discovery", nodes, [["docker"]])).toMatchFileSnapshot("golden/spare.sh");
  });

  // What the leader says of each server, which of them answer for themselves, and whether discovery-2 can be spared then.
  it.each([
    ["all of three are healthy", [true, true, true], [1, 2, 3], true],
    ["another one is not healthy", [true, true, false], [1, 2, 3], false],
    ["another one has just died, which the leader has not noticed", [true, true, true], [1, 2], false],
    ["only this one is not healthy", [true, false, true], [1, 3], true],
    ["all of five are healthy", [true, true, true, true, true], [1, 2, 3, 4, 5], true],
    ["two others of five are not healthy", [true, true, true, false, false], [1, 2, 3, 4, 5], false],
    ["one other of five is not healthy", [true, true, true, true, false], [1, 2, 3, 4, 5], true],
    ["there is one other, which is healthy", [true, true], [1, 2], true],
    ["there is one other, which is not healthy", [false, true], [1, 2], false],
    ["there is no other", [undefined, true], [2], true],
    ["there is no leader", [], [1, 2, 3], true],
  ] as const)("spare a server or not when %s", (_, healthy, answering, spared) => {
    const servers = healthy.flatMap((is, index) =>
      is === undefined ? [] : [`   id-${index}\n      Name:            discovery-${index + 1}\n      Healthy:         ${is}\n`],
    );
    // A docker that prints what the servers would.
    const docker = [
      'docker() { case "$*" in',
      `ps*) printf 'shop-dev-discovery-%s\\n' 1 2 3 4 5;;`,
      `*"autopilot state"*) ${servers.length === 0 ? "return 1" : `printf '%s' 'Healthy:                      true\nServers:\n${servers.join("")}'`};;`,
      `*-[${answering.join("")}]" consul operator raft list-peers") ;;`,
      "*) return 1;; esac; }",
    ].join("\n");
    const { status, stderr } = spawnSync("sh", ["-c", `${docker}\n${consulSpareCondition(second, "discovery", nodes, [["docker"]])}`], {
      encoding: "utf8",
    });
    expect(stderr).toBe("");
    expect(status === 0).toBe(spared);
  });

  it("make a server leave by itself, after a snapshot and after handing over its leadership", async () => {
    await expect(consulLeaveCommand(third, nodes.slice(0, 2))).toMatchFileSnapshot("golden/leave.sh");
  });
});

describe("a Consul cluster", () => {
  it("publishes the servers' APIs next to each other on loopback, and keeps each one's data and configuration on volumes", async () => {
    const cluster = new ConsulCluster("discovery", { network, apiPort: 18_500 });
    expect(cluster.api.map(String)).toEqual(["127.0.0.1:18500", "127.0.0.1:18501", "127.0.0.1:18502"]);
    expect(cluster.endpoints.map(String)).toEqual(["10.89.0.11:8500", "10.89.0.12:8500", "10.89.0.13:8500"]);
    await settled(registered);
    expect(registered.find(({ name }) => name === "discovery-2")?.inputs).toMatchObject({
      name: "dockyard-unit-discovery-2",
      networksAdvanced: [{ name: "dockyard-unit-services", ipv4Address: "10.89.0.12", aliases: ["discovery-2"] }],
      ports: [{ internal: 8500, external: 18_501, ip: "127.0.0.1" }],
      volumes: [
        { volumeName: "dockyard-unit-discovery-2-data", containerPath: "/consul/data" },
        { volumeName: "dockyard-unit-discovery-2-config", containerPath: "/consul/config", readOnly: true },
      ],
    });
  });

  it("gives its clients the first three servers, so that growing changes no client", () => {
    const { client } = new ConsulCluster("small", { network, servers: 5, apiPort: null });
    expect(client.endpoints.map(({ host }) => host)).toEqual(["10.89.0.31", "10.89.0.32", "10.89.0.33"]);
  });
});
