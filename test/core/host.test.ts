import { describe, expect, it } from "vitest";
import { parseListeners, parsePublishedPorts } from "../../components/core/host-inventory";
import { Host, Placement } from "../../components/core/host";

describe("a host's inventory", () => {
  it("reads every published port of a container, ranges and IPv6 twins included", () => {
    const lines = "web\tshop-dev\t0.0.0.0:8080->80/tcp, :::8080->80/tcp, 127.0.0.1:9000-9002->9000-9002/tcp, 5432/tcp\nidle\t\t\n";
    expect(parsePublishedPorts(lines)).toEqual(
      [8080, 9000, 9001, 9002].map((port) => ({ port, owner: "container web", stack: "shop-dev" })),
    );
  });

  it("names the process behind a listening socket, but not Docker's proxy, which stands for a container", () => {
    const lines = [
      'LISTEN 0      4096       127.0.0.1:9443      0.0.0.0:*    users:(("nginx",pid=712,fd=6),("nginx",pid=711,fd=6))',
      'LISTEN 0      4096       127.0.0.1:8500      0.0.0.0:*    users:(("docker-proxy",pid=99,fd=4))',
      "LISTEN 0      128             [::]:22           [::]:*",
    ].join("\n");
    expect(parseListeners(lines)).toEqual([
      { port: 9443, owner: "process nginx (pid 712)", stack: "" },
      { port: 22, owner: "another process", stack: "" },
    ]);
  });
});

describe("a host", () => {
  const inventory = {
    networks: [],
    ports: [
      { port: 8500, owner: "container old-consul", stack: "other-dev" },
      { port: 8080, owner: "container gateway-1", stack: "project-stack" },
    ],
  };

  it("says who holds a port, and counts what this stack holds from its last run as free", () => {
    const host = new Host({ name: "local", inventory });
    expect([host.portHolder(8500), host.portHolder(8080), host.portHolder(80)]).toEqual(["container old-consul", undefined, undefined]);
  });

  it("remembers ports that this program has given away", () => {
    const host = new Host({ name: "local", inventory });
    host.claimPort(8080, "node gateway-1");
    expect(host.portHolder(8080)).toBe("node gateway-1");
  });
});

it("spreads neighbouring nodes over different hosts", () => {
  const [a, b] = [new Host({ name: "a" }), new Host({ name: "b", engine: "ssh://b" })];
  const placement = new Placement([a, b]);
  expect([0, 1, 2].map((index) => placement.hostFor(index).name)).toEqual(["a", "b", "a"]);
  expect(b.docker).toEqual(["docker", "-H", "ssh://b"]);
});
