import { describe, expect, it } from "vitest";
import { parseContainers, parseDisk, parseListeners, parsePublishedPorts } from "../../components/core/host-inventory";
import { Host, Placement } from "../../components/core/host";

describe("a host's inventory", () => {
  it("reads every published port of a container, ranges and IPv6 twins included", () => {
    const lines =
      "web\tshop-dev\tshop\tshop-1\t0.0.0.0:8080->80/tcp, :::8080->80/tcp, 127.0.0.1:9000-9002->9000-9002/tcp, 5432/tcp\nidle\t\t\t\t\n";
    const web = { owner: "container web", stack: "shop-dev", component: "shop", node: "shop-1" };
    expect(parsePublishedPorts(lines)).toEqual([
      ...[8080, 8080].map((port) => ({ ...web, port })),
      ...[9000, 9001, 9002].map((port) => ({ ...web, port, address: "127.0.0.1" })),
    ]);
    expect(parseContainers(lines)).toEqual([
      { name: "web", stack: "shop-dev" },
      { name: "idle", stack: "" },
    ]);
  });

  it("names the process behind a listening socket, but not Docker's proxy, which stands for a container", () => {
    const lines = [
      'LISTEN 0      4096       127.0.0.1:9443      0.0.0.0:*    users:(("nginx",pid=712,fd=6),("nginx",pid=711,fd=6))',
      'LISTEN 0      4096       127.0.0.1:8500      0.0.0.0:*    users:(("docker-proxy",pid=99,fd=4))',
      "LISTEN 0      128             [::]:22           [::]:*",
    ].join("\n");
    expect(parseListeners(lines)).toEqual([
      { port: 9443, address: "127.0.0.1", owner: "process nginx (pid 712)", stack: "", component: "", node: "" },
      { port: 22, owner: "another process", stack: "", component: "", node: "" },
    ]);
  });
});

describe("a host's disk", () => {
  it("is read where it can be asked for", () => {
    const lines =
      "Filesystem     1048576-blocks   Used Available Capacity Mounted on\n/dev/vda1             258020 196293     61727      77% /\n";
    expect(parseDisk(lines)).toEqual({ diskMiB: 258_020 });
    expect(parseDisk("")).toEqual({});
  });
});

describe("a host", () => {
  const own = (port: number, component: string, node: string) => ({
    port,
    owner: `container ${node}`,
    stack: "project-stack",
    component,
    node,
  });
  const inventory = {
    networks: [],
    ports: [
      { port: 9000, owner: "container old-consul", stack: "other-dev", component: "discovery", node: "discovery-1" },
      own(8080, "gateway", "gateway-1"),
      own(8500, "discovery", "discovery-1"),
      own(8501, "discovery", "discovery-2"),
    ],
  };
  const first = { node: "discovery-1", component: "discovery" };
  const second = { node: "discovery-2", component: "discovery" };

  it("says who holds a port, and counts what a node holds from its last run as free for that node", () => {
    const host = new Host({ name: "local", inventory });
    expect([9000, 8500, 80].map((port) => host.portHolder(port, first))).toEqual(["container old-consul", undefined, undefined]);
  });

  it("takes a port beside one that is held on another address only", () => {
    const ports = [
      { port: 53, address: "127.0.0.53", owner: "process resolved", stack: "", component: "", node: "" },
      { port: 80, owner: "process nginx", stack: "", component: "", node: "" },
    ];
    const host = new Host({ name: "local", inventory: { networks: [], ports } });
    expect([53, 80].map((port) => host.portHolder(port, first))).toEqual([undefined, "process nginx"]);
    expect(host.portHolder(53, { ...first, address: "0.0.0.0" })).toBe("process resolved");
    host.claimPort(53, first);
    expect(host.portHolder(53, { ...second, address: "127.0.0.2" })).toBeUndefined();
    expect(host.portHolder(53, second)).toBe("node discovery-1");
  });

  it("remembers ports that this program has given away", () => {
    const host = new Host({ name: "local", inventory });
    host.claimPort(8080, { node: "gateway-1", component: "gateway" });
    expect(host.portHolder(8080, first)).toBe("node gateway-1");
  });

  it("refuses a port that another node holds until its turn comes, as when a range moves up by one", () => {
    const host = new Host({ name: "local", inventory });
    expect(host.portHolder(8501, first)).toBe("container discovery-2 of this stack, until its own turn,");
    expect(host.portHolder(8080, first)).toBe("container gateway-1 of this stack, until its own turn,");
  });

  it("takes a port that a node before has given up by then, as when a range moves down by one", () => {
    const host = new Host({ name: "local", inventory });
    host.claimPort(8499, first);
    expect(host.portHolder(8500, second)).toBeUndefined();
  });
});

it("is placed by a list of hosts, and by nothing else", () => {
  const host = new Host({ name: "a" });
  expect(() => new Placement(host as never)).toThrow("placement.hosts: must be a list, got a Host");
  expect(() => new Placement([{ name: "a" }] as never)).toThrow("placement.hosts[0]: must be a Host (an object with name, docker)");
  expect(() => new Placement([] as never)).toThrow("placement.hosts: must name at least one host, got []");
});

it("spreads neighbouring nodes over different hosts", () => {
  const [a, b] = [new Host({ name: "a" }), new Host({ name: "b", engine: "ssh://b" })];
  const placement = new Placement([a, b]);
  expect([0, 1, 2].map((index) => placement.hostFor(index).name)).toEqual(["a", "b", "a"]);
  expect(b.docker).toEqual(["docker", "-H", "ssh://b"]);
});
