import { selfSigned } from "../support/certificates";
import { ROTATION, absent, byEnvironment, byTransform, elsewhere, labelled, madeElsewhere, remembered, tagged, unstartable } from "./made";
import { Table, oneSet } from "./table";

export const NETWORK = {
  subnet: "10.151.0.0/24",
  addresses: {
    discovery: "10.151.0.11",
    gateway: "10.151.0.21",
    goods: "10.151.0.31",
    entry: "10.151.0.41",
    cdn: "10.151.0.71",
    ops: "10.151.0.81",
  },
};
export const ENTRY = "10.151.0.100";

/** Host ports that the table takes. */
export const PORTS = 55;

/** Images of the components. */
export const IMAGES = {
  discovery: "consul",
  gateway: "nginx",
  goods: "shop",
  entry: "haproxy-keepalived",
  cdn: "squid",
  ops: "ssh-node",
} as const;

/**
 * The components that are changed in seconds.
 *
 * @param port First of {@link PORTS} free ports of the host.
 */
export function lightTable(port: number): Table {
  const [first, second] = [selfSigned({ name: "edge" }), selfSigned({ name: "edge" })];
  const [consul, service] = ["consul-cluster.test.ts", "app-service.test.ts"];
  const [pair, squid, mesh] = ["alone/haproxy-keepalived-pair.test.ts", "own/squid-cdn.test.ts", "own/ssh-key-mesh.test.ts"];
  return {
    discovery: {
      args: { servers: 3, apiPort: port },
      sets: oneSet("discovery", "servers"),
      changes: {
        environment: byEnvironment,
        port: { args: { apiPort: port + 5 }, effect: "rolled" },
        label: labelled,
        image: tagged("consul"),
        configuration: madeElsewhere("reloaded", consul, "takes a changed log level up while it runs"),
        secret: madeElsewhere("reloaded", ...ROTATION),
        memory: remembered(288),
        nodes: madeElsewhere("grown", consul, "grows to five and shrinks to three"),
      },
      faults: {
        image: unstartable("/usr/local/bin/consul", '*" validate "*'),
        configuration: absent("its arguments allow none that Consul refuses"),
        majority: { args: { servers: 2 }, said: "discovery.servers: must be 1, 3, 5 or 7; an even number cannot hold a majority" },
        needed: elsewhere("halted-roll.test.ts", "does not begin while the majority needs the first server"),
      },
      down: elsewhere("own/interrupted.test.ts", "finds its data again after npm run down"),
    },
    gateway: {
      args: {
        instances: 2,
        memoryMiB: 128,
        publishedPort: port + 10,
        publishedAdminPort: port + 13,
        tls: { ...first, publishedPort: port + 16 },
      },
      sets: oneSet("gateway", "instances"),
      changes: {
        environment: byTransform,
        port: { args: { publishedAdminPort: port + 19 }, effect: "rolled" },
        label: labelled,
        image: tagged("nginx"),
        configuration: { args: { shutdownTimeoutSeconds: 30, workers: 1 }, effect: "reloaded" },
        secret: { args: { tls: { ...second, publishedPort: port + 16 } }, effect: "reloaded" },
        memory: remembered(160),
        nodes: { args: { instances: 3 }, effect: "grown" },
      },
      faults: {
        image: unstartable("/usr/sbin/nginx", '*" -t "*|*" check.conf "*'),
        configuration: elsewhere("own/gateway-guards.test.ts", "that only nginx can tell is wrong leaves the old configuration in use"),
        majority: absent("one that is left serves alone"),
        needed: { nodes: ["gateway-2"] },
      },
      down: elsewhere("own/interrupted.test.ts", "finds its data again after npm run down"),
    },
    goods: {
      args: { instances: 2, ports: { http: 8000, rpc: 9000 }, secrets: { token: "one" } },
      sets: oneSet("goods", "instances"),
      changes: {
        environment: byEnvironment,
        // It publishes none: where it listens is in its environment, and asked for by its health check.
        port: { args: { ports: { http: 8000, rpc: 9001 } }, input: "envs", effect: "rolled" },
        label: labelled,
        image: tagged("shop"),
        // What gateways are told of it.
        configuration: { args: { upstream: { weight: 2 } }, effect: "left" },
        secret: { args: { secrets: { token: "two" } }, effect: "reloaded" },
        memory: remembered(160),
        nodes: madeElsewhere("grown", service, "drains the instance that leaves and serves the one that comes"),
      },
      faults: {
        image: elsewhere("halted-roll.test.ts", "stops at the first instance with the software's own words, and the others serve on"),
        configuration: absent("it has none but secrets, which nobody can check"),
        majority: absent("one that is left serves alone"),
        needed: elsewhere("halted-roll.test.ts", "does not begin while the others cannot spare the first instance"),
      },
      down: absent("it keeps none"),
    },
    entry: {
      args: { nodes: 2, address: ENTRY, statsPort: port + 25 },
      sets: oneSet("entry", "nodes"),
      changes: {
        environment: byTransform,
        port: { args: { statsPort: port + 28 }, effect: "rolled" },
        label: labelled,
        image: tagged("haproxy-keepalived"),
        configuration: madeElsewhere("reloaded", pair, "takes a weight up without replacing a container"),
        secret: madeElsewhere("reloaded", pair, "takes both logins to its statistics while one takes the place of the other"),
        memory: remembered(288),
        nodes: { args: { nodes: 3 }, effect: "grown" },
      },
      faults: {
        image: unstartable("/opt/pair/init"),
        configuration: elsewhere(pair, "keeps what runs where HAProxy refuses the new file"),
        majority: { args: { nodes: 1 }, said: "entry.nodes: must be a whole number from 2" },
        needed: elsewhere(pair, "does not begin a roll while the other node is not healthy"),
      },
      down: absent("it keeps none"),
    },
    cdn: {
      args: { accelerators: 2, port: port + 45, domains: ["cdn.test"], cacheMiB: 64 },
      sets: oneSet("cdn", "accelerators"),
      changes: {
        environment: byTransform,
        port: { args: { port: port + 48 }, effect: "rolled" },
        label: labelled,
        image: tagged("squid"),
        configuration: madeElsewhere("reloaded", squid, "takes rules, sizes and limits up while it serves"),
        secret: absent("it has none"),
        memory: remembered(160),
        nodes: { args: { accelerators: 3 }, effect: "grown" },
      },
      faults: {
        image: unstartable("/usr/sbin/squid", '*" -k parse "*'),
        configuration: elsewhere(squid, "keeps the old configuration where squid refuses the new one"),
        majority: absent("one that is left serves alone"),
        needed: elsewhere(squid, "has its files over a roll, one accelerator at a time"),
      },
      down: elsewhere(squid, "has its files over a roll, one accelerator at a time, and over an end of the stack"),
    },
    ops: {
      args: { nodes: 2, port: 2222 },
      sets: oneSet("ops", "nodes"),
      changes: {
        environment: byTransform,
        // It publishes none: the server listens elsewhere once it has read its configuration.
        port: { args: { port: 2223 }, effect: "reloaded" },
        label: labelled,
        image: tagged("ssh-node"),
        configuration: madeElsewhere("reloaded", mesh, "takes a new node in and another out in one up"),
        secret: madeElsewhere("reloaded", ...ROTATION),
        memory: remembered(160),
        nodes: madeElsewhere("grown", mesh, "takes a new node in and another out in one up"),
      },
      faults: {
        image: unstartable("/usr/sbin/sshd", '*" -t "*'),
        configuration: elsewhere("own/ssh-mesh-check.test.ts", "a mesh's check, by OpenSSH itself"),
        majority: absent("one that is left serves alone"),
        needed: { nodes: ["ops-2"] },
      },
      down: absent("it keeps none"),
    },
  };
}
