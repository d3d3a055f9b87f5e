import { describe, expect, it } from "vitest";
import { HaproxyKeepalivedPairArgs, normalizeHaproxyKeepalivedPairArgs } from "../../components/haproxy-keepalived-pair/args";
import type { HaproxyServer } from "../../components/haproxy-keepalived-pair/haproxy-args";
import type { VrrpInstance } from "../../components/haproxy-keepalived-pair/keepalived-args";
import { Host, Placement } from "../../components/core/host";
import { ServiceNetwork } from "../../components/core/service-network";
import { emptyNetwork, recordResources } from "../mocks";
import { FULL_HAPROXY, FULL_KEEPALIVED, PLAIN_HAPROXY, PLAIN_KEEPALIVED } from "./settings";

recordResources();

const endpoint = { host: "10.89.0.131", port: 5672 };

/** What is said of arguments that are right but for what is given, a line for each fault; nothing where they are right. */
function faults(given: Partial<HaproxyKeepalivedPairArgs>, name = "queue"): string[] {
  const network = emptyNetwork({ queue: "10.89.0.111", web: "10.89.0.41", Queue: "10.89.0.151" });
  network.addressesOf("web", 2);
  try {
    normalizeHaproxyKeepalivedPairArgs(name, { network, haproxy: PLAIN_HAPROXY, keepalived: PLAIN_KEEPALIVED, ...given });
    return [];
  } catch (error) {
    return (error as Error).message.split("\n");
  }
}

/** The same of one server of a listen. */
function ofServer(server: Partial<HaproxyServer>, mode: "tcp" | "http" = "tcp"): string[] {
  return faults({ haproxy: { listens: { a: { port: 5600, mode, servers: { b: { endpoint, ...server } } } } } });
}

/** The same of one instance. */
function ofInstance(instance: Partial<VrrpInstance>): string[] {
  return faults({ keepalived: { instances: { queue: { addresses: ["10.89.0.100"], ...instance } } } });
}

describe("a pair's arguments", () => {
  it("are right with a listen and an address, and with all that can be said", () => {
    expect(faults({})).toEqual([]);
    expect(faults({ haproxy: FULL_HAPROXY, keepalived: FULL_KEEPALIVED, nodes: 2 })).toEqual([]);
    expect(faults({ nodes: 5 })).toEqual([]);
  });

  it("are refused all at once, each with what to do", () => {
    const said = faults(
      {
        nodes: 1,
        memoryMiB: 64,
        drainSeconds: 0,
        haproxy: { listens: { a: { port: 8100, servers: { b: { endpoint, weight: 257, fall: 0, rise: 0 } } } } },
        keepalived: { instances: { queue: { addresses: ["10.89.0.41"], virtualRouterId: 0, priorities: [0] } } },
      },
      "Queue",
    );
    expect(said).toEqual([
      expect.stringMatching(/^Queue\.name: must be lower-case letters.*, got "Queue"$/),
      expect.stringMatching(
        /^Queue\.nodes: must be a whole number from 2, since an address that one node alone holds cannot move, .*got 1$/,
      ),
      expect.stringMatching(/^Queue\.memoryMiB: must be 128 or more: .*, got 64$/),
      expect.stringMatching(/^Queue\.drainSeconds: .*, got 0$/),
      "Queue.haproxy.listens.a.port: must be its own, but the statistics page listens there; choose another, got 8100",
      expect.stringMatching(/^Queue\.haproxy\.listens\.a\.servers\.b\.fall: must be a whole number from 1: .*, got 0$/),
      expect.stringMatching(/^Queue\.haproxy\.listens\.a\.servers\.b\.rise: must be a whole number from 1: .*, got 0$/),
      "Queue.haproxy.listens.a.servers.b.weight: must be a whole number from 0, which gets nothing new, to 256, got 257",
      expect.stringMatching(/virtualRouterId: must be 1 to 255: the protocol reserves 0, .*, got 0$/),
      expect.stringMatching(/priorities\[0\]: must be a whole number from 1 to 254: 0 says that a node leaves.*, got 0$/),
      'Queue.keepalived.instances.queue.addresses[0]: must be its own, but web-1 has it; choose one that no node has, got "10.89.0.41"',
    ]);
  });

  it.each([
    [{ weight: -1 }, "weight: must be a whole number from 0"],
    [{ weight: 1.5 }, "weight: must be a whole number from 0"],
    [{ fall: 0 }, "fall: must be a whole number from 1"],
    [{ rise: 0 }, "rise: must be a whole number from 1"],
    [{ intervalMs: 0 }, "intervalMs: must be 1 millisecond"],
    [{ maxConnections: 0 }, "maxConnections: must be a whole number from 1"],
    [{ endpoint: { host: "10.89.0.131 backup", port: 5672 } }, "endpoint.host: must be a host name or an IPv4 address"],
    [{ endpoint: { host: "10.89.0.131", port: 0 } }, "endpoint.port: must be a port from 1 to 65535"],
    [{ checkAddress: "there" }, "checkAddress: must be an IPv4 address"],
    [{ checkPort: 65_536 }, "checkPort: must be a port"],
    [{ redirect: "http://10.0.0.7" }, 'redirect: must be left out where the mode is "tcp"'],
  ] satisfies [Partial<HaproxyServer>, string][])("refuse the server %j", (server, remedy) => {
    expect(ofServer(server)).toEqual([expect.stringContaining(`queue.haproxy.listens.a.servers.b.${remedy}`)]);
  });

  it.each(["http://10.0.0.7' backup '", "http://10.0.0.7\nbackup", "10.0.0.7"])("refuse the redirect %j", (redirect) => {
    expect(ofServer({ redirect }, "http")).toEqual([expect.stringContaining("queue.haproxy.listens.a.servers.b.redirect: must ")]);
  });

  it("refuse sections that do not fit together", () => {
    const servers = { a: { endpoint } };
    expect(
      faults({
        haproxy: {
          frontends: {
            one: { port: 80, backend: "nowhere" },
            two: { port: 80, backend: "pages" },
            three: { port: 81, mode: "http", backend: "raw", routes: [{ backend: "raw", pathPrefix: "x" }] },
            four: { port: 82, backend: "raw", routes: [{ host: "a.example", backend: "raw" }] },
          },
          backends: { pages: { mode: "http", servers }, raw: { servers }, nobodys: { servers: {} } },
          listens: { raw: { port: 83, servers }, stats: { port: 84, servers } },
        },
      }).map((fault) => fault.replace(/^queue\.haproxy\./, "")),
    ).toEqual([
      "frontends.two.port: must be its own, but frontend one listens there; choose another, got 80",
      'listens.stats: must have a name of its own, but the statistics page is called so; rename one of them, got "stats"',
      'backends.raw: must have a name of its own, but listens.raw is called so; rename one of them, got "raw"',
      'backends.nobodys: must be named by a frontend, or nothing goes there; remove it or name it, got "nobodys"',
      'frontends.one.backend: must be a backend; there are pages, raw, nobodys, got "nowhere"',
      `frontends.two.backend: must be of the frontend's own mode "tcp", but the backend's is "http"; set both to the same, got "pages"`,
      `frontends.three.backend: must be of the frontend's own mode "http", but the backend's is "tcp"; set both to the same, got "raw"`,
      `frontends.three.routes[0].backend: must be of the frontend's own mode "http", but the backend's is "tcp"; set both to the same, got "raw"`,
      'frontends.three.routes[0].pathPrefix: must start with /, got "x"',
      expect.stringMatching(/^frontends\.four\.routes: must be left out where the mode is "tcp"/),
      "backends.nobodys.servers: must hold at least one server, got {}",
    ]);
    expect(faults({ haproxy: {} })).toEqual([expect.stringContaining("queue.haproxy: must have a listen, or a frontend with its backend")]);
  });

  it("refuse what would be read as more than it is", () => {
    const listen = (more: object) => faults({ haproxy: { listens: { a: { port: 5600, servers: { b: { endpoint } }, ...more } } } });
    expect(listen({ lines: ["tcp-request connection reject\nbackend x"] })).toEqual([
      expect.stringContaining("lines[0]: must be one line"),
    ]);
    expect(listen({ lines: ["  backend x"] })).toEqual([expect.stringContaining("lines[0]: must be a directive of its section")]);
    expect(listen({ mode: "http", check: { type: "http", path: "/a'\n" } })).toEqual([
      expect.stringContaining("check.path: must be printable"),
    ]);
    expect(listen({ mode: "http", check: { type: "http", expect: { status: "200", contains: "ok" } } })).toEqual([
      expect.stringContaining("check.expect: must have exactly one of"),
    ]);
    expect(faults({ haproxy: { listens: { "a b": { port: 1, servers: { "c d": { endpoint } } } } } })).toHaveLength(2);
    expect(faults({ haproxy: { ...PLAIN_HAPROXY, stats: { user: "a b", path: "/metrics" } } })).toHaveLength(2);
    const script = { instances: PLAIN_KEEPALIVED.instances, scripts: { "a{": { command: ["/bin/true", '"; rm'] } } };
    expect(faults({ keepalived: script })).toEqual([
      expect.stringContaining("keepalived.scripts.a{: must be called by letters"),
      expect.stringContaining("keepalived.scripts.a{.command: must be words of letters"),
    ]);
    expect(ofInstance({ notify: { master: ["unknown"] } })).toEqual([
      expect.stringContaining("notify.master: must begin with the path of a program in the image, or the name of a file (there are none)"),
    ]);
  });

  it.each([
    [{ virtualRouterId: 256 }, "virtualRouterId: must be a whole number from 1 to 255, got 256"],
    [{ priorities: [255, 100] }, "priorities[0]: must be a whole number from 1 to 254"],
    [{ priorities: [100, 100] }, "priorities[1]: must be its own, but node 1 has it"],
    [{ priorities: [100] }, "priorities: must be one for each of the 2 nodes"],
    [{ states: ["MASTER", "BACKUP"] }, "states: must be BACKUP for all where nodes do not preempt"],
    [
      { version: 2, password: "ninechars" },
      'password: must be 1 to 8 characters: keepalived would cut it off after the eighth, got "(not shown)"',
    ],
    [{ version: 2, password: "a b" }, "password: must be letters, digits and"],
    [{ password: "8letters" }, "password: must be left out in version 3, which has none"],
    [{ version: 2, advertSeconds: 0.5 }, "advertSeconds: must be a whole number of seconds"],
    [{ advertSeconds: 0.005 }, "advertSeconds: must be 0.01 to 40.95 seconds"],
    [{ advertSeconds: 41 }, "advertSeconds: must be 0.01 to 40.95 seconds"],
    [{ addresses: [] }, "addresses: must hold at least one address"],
    [{ addresses: ["10.90.0.100"] }, "addresses[0]: must be a host address of 10.89.0.0/24"],
    [{ addresses: ["10.89.0.1"] }, "addresses[0]: must be a host address of 10.89.0.0/24"],
    [{ addresses: ["10.89.0.112"] }, "addresses[0]: must be its own, but queue-2 has it"],
    [{ addresses: ["10.89.0.42"] }, "addresses[0]: must be its own, but web-2 has it"],
    [{ addresses: ["10.89.0.100", "10.89.0.100"] }, "addresses[1]: must be its own, but queue, as an address that moves, has it"],
    [{ addresses: [{ address: "10.89.0.100", label: "eth1:queue" }] }, "addresses[0].label: must be eth0:"],
    [{ interface: "eth0 {" }, "interface: must be the name of an interface"],
    [{ unicastPeers: ["peer"] }, "unicastPeers[0]: must be an IPv4 address"],
    [{ scripts: ["disk"] }, "scripts: must be a script; there are none"],
  ] satisfies [Partial<VrrpInstance>, string][])("refuse the instance %j", (instance, remedy) => {
    expect(ofInstance(instance)).toContainEqual(expect.stringContaining(`queue.keepalived.instances.queue.${remedy}`));
  });

  it("refuse scripts whose answers could move nothing, and times that mean nothing", () => {
    expect(faults({ keepalived: { ...PLAIN_KEEPALIVED, check: { weight: -20 } } })).toEqual([
      expect.stringContaining("instances.queue.preempt: must be true, since the check of HAProxy has the weight -20"),
    ]);
    expect(faults({ keepalived: { ...PLAIN_KEEPALIVED, check: { weight: 255, fall: 0, rise: 0, intervalSeconds: 0 } } })).toHaveLength(5);
    expect(faults({ keepalived: { ...PLAIN_KEEPALIVED, global: { strict: true } } })).toEqual([
      expect.stringContaining("keepalived.global.strict: must be false"),
    ]);
    expect(faults({ keepalived: { instances: {} } })).toEqual([expect.stringContaining("keepalived.instances: must hold at least one")]);
    const twice = { a: { addresses: ["10.89.0.100"], virtualRouterId: 7 }, b: { addresses: ["10.89.0.101"], virtualRouterId: 7 } };
    expect(faults({ keepalived: { instances: twice } })).toEqual([
      "queue.keepalived.instances.b.virtualRouterId: must be its own on eth0, but a has it; choose another, got 7",
    ]);
  });

  it("refuse virtual servers that could not work", () => {
    const web = { address: "10.89.0.99", port: 80, realServers: { a: { address: "a", port: 8080, weight: -1 } } };
    expect(faults({ keepalived: { ...PLAIN_KEEPALIVED, virtualServers: { web } } })).toEqual([
      expect.stringContaining("virtualServers.web.address: must be an address of an instance, or it would not move: 10.89.0.100"),
      expect.stringContaining("realServers.a.address: must be an IPv4 address"),
      expect.stringContaining("realServers.a.port: must be the virtual server's own 80: DR hands packets on as they are"),
      expect.stringContaining("realServers.a.weight: must be a whole number from 0 to 65535"),
    ]);
  });

  it("leave keepalived time beside HAProxy's threads", () => {
    expect(faults({ cpus: 1, haproxy: { ...PLAIN_HAPROXY, global: { threads: 2 } } })).toEqual([
      expect.stringContaining("haproxy.global.threads: must be 1 to 64 and no more than the container's CPUs (1)"),
    ]);
  });

  it("publish every port of every node once", () => {
    const listen = (publishedPort: number) => ({ ...PLAIN_HAPROXY.listens!.rabbitmq!, publishedPort });
    expect(faults({ haproxy: { listens: { rabbitmq: listen(8101) } } })).toEqual([
      expect.stringContaining("listens.rabbitmq.publishedPort: must leave a port of its own for each of the 2 nodes, but haproxy.stats"),
    ]);
    expect(faults({ haproxy: { listens: { rabbitmq: listen(65_535) } } })).toEqual([expect.stringContaining("must leave a port from 1")]);
  });

  it("refuse a network over several hosts, on which an address cannot move", () => {
    const swarm = [{ name: "docker_gwbridge", subnets: ["172.18.0.0/16"], stack: "" }];
    const hosts = ["a", "b"].map((name) => new Host({ name, inventory: { networks: swarm, ports: [] } })) as [Host, Host];
    const network = new ServiceNetwork("wide", {
      placement: new Placement(hosts),
      subnet: "10.89.0.0/24",
      addresses: { queue: "10.89.0.111" },
    });
    expect(faults({ network })).toEqual([
      expect.stringContaining("addresses[0]: must be on a network of one host: an overlay forwards an address to the host"),
    ]);
  });
});
