import { describe, expect, it } from "vitest";
import { COMMAND, CONTAINER, ROLLING_SET, StateResource } from "../../../scripts/state";
import { Node } from "../../../scripts/status/look";
import { architectureOf } from "../../../scripts/topology/architecture";
import { renderDot } from "../../../scripts/topology/dot";
import { liveOf } from "../../../scripts/topology/live";
import { renderMermaid } from "../../../scripts/topology/mermaid";
import { renderSvg } from "../../../scripts/topology/svg";
import { urn } from "../drift/state";

function component(name: string, kind: string, outputs: object = {}): StateResource[] {
  return [
    { urn: urn(name), type: `dockyard:index:${kind}`, outputs: outputs as Record<string, unknown> },
    { urn: urn(`${name}-set`), type: ROLLING_SET, parent: urn(name) },
  ];
}

function container(name: string, of: string, address: string, port?: number, envs: string[] = []): StateResource {
  const ports = port === undefined ? [] : [{ ip: "127.0.0.1", internal: port, external: port }];
  return {
    urn: urn(name),
    type: CONTAINER,
    parent: urn(`${of}-set`),
    inputs: { networksAdvanced: [{ ipv4Address: address }], ports, envs },
  };
}

function registration(name: string, parent: string): StateResource {
  const inputs = { create: "consul kv put upstreams/x/10.1.0.77:80 1 || exit 1" };
  return { urn: urn(name), type: COMMAND, parent: urn(parent), dependencies: [urn("gateway-1")], inputs };
}

const RESOURCES: StateResource[] = [
  ...component("discovery", "ConsulCluster"),
  container("discovery-1", "discovery", "10.1.0.2", 8500),
  container("discovery-10", "discovery", "10.1.0.20"),
  container("discovery-2", "discovery", "10.1.0.3"),
  ...component("gateway", "NginxUpsyncGateway"),
  container("gateway-1", "gateway", "10.1.0.10", 8080),
  { urn: urn("gateway-1-config"), type: COMMAND, parent: urn("gateway-set"), inputs: { stdin: "server 10.1.0.2:8500;" } },
  ...component("pair", "HaproxyKeepalivedPair", { virtualAddresses: ["10.1.0.99"], servers: ["10.1.0.10:80"] }),
  container("pair-1", "pair", "10.1.0.15"),
  ...component("goods", "AppService"),
  container("goods-1", "goods", "10.1.0.41", undefined, ["CONSUL_URLS=http://10.1.0.3:8500", "PROXY=10.1.0.99"]),
  registration("goods-1-registration", "goods-set"),
  ...component("legacy", "ConsulUpstream"),
  registration("legacy-10-1-0-77-80", "legacy"),
];

function seen(node: string, host: string, role: string | undefined, health = "healthy"): Node {
  const told = role === undefined ? undefined : { role, lag: "5 s" };
  return { component: node.replace(/-\d+$/, ""), node, kind: undefined, host, health, image: "", address: "", ports: [], uptime: 5, told };
}

const NODES = [
  seen("discovery-1", "local", "leader"),
  seen("discovery-2", "host-2", "follower"),
  seen("discovery-10", "host-2", undefined, "missing"),
  seen("gateway-1", "local", undefined, "starting"),
  seen("pair-1", "local", "holds 10.1.0.99"),
  seen("goods-1", "local", undefined, "exited (137)"),
];

describe("the picture of a stack", () => {
  it("shows its systems, nodes, hosts, roles and health, who talks to whom and what is published", async () => {
    const [architecture, live] = [architectureOf(RESOURCES), liveOf(NODES)];
    await expect(renderDot(architecture, live)).toMatchFileSnapshot("golden/topology.dot");
    await expect(renderMermaid(architecture, live)).toMatchFileSnapshot("golden/topology.mmd");
  });

  it("without a look at it is of the architecture alone", async () => {
    await expect(renderDot(architectureOf(RESOURCES))).toMatchFileSnapshot("golden/architecture.dot");
  });

  it("is the same for the same stack, in whatever order its resources were made and however long it has been running", async () => {
    const later = NODES.map((node) => ({ ...node, uptime: 99_999, told: node.told && { ...node.told, lag: "" } })).reverse();
    const drawn = (resources: readonly StateResource[], nodes: readonly Node[]) => {
      const [architecture, live] = [architectureOf(resources), liveOf(nodes)];
      return [renderDot(architecture, live), renderMermaid(architecture, live)];
    };
    expect(drawn([...RESOURCES].reverse(), later)).toEqual(drawn(RESOURCES, NODES));
    const [dot = ""] = drawn(RESOURCES, NODES);
    const svg = await renderSvg(dot);
    expect(svg).toContain("<svg");
    expect(await renderSvg(dot)).toBe(svg);
  });
});
