import * as pulumi from "@pulumi/pulumi";
import { Endpoint } from "../core/endpoint";
import { siblingCondition } from "../core/gate";
import { engineName, nameOnEngines } from "../core/naming";
import { NodeConfig, RollingNode, RollingSet } from "../core/rolling-set";
import { RotatingSecret, rotatingPassword } from "../core/secret";
import { DEFAULT_TMPFS, PublishedPort } from "../core/service-container";
import { HaproxyKeepalivedPairArgs, NormalHaproxyKeepalivedPairArgs, PairNode, normalizeHaproxyKeepalivedPairArgs } from "./args";
import { Checks } from "../core/errors";
import { renderHaproxyCfg, renderStatsUsers } from "./haproxy-cfg";
import { KEEPALIVED_FILES, renderKeepalivedConf } from "./keepalived-conf";
import { checkPassword } from "./keepalived-settings";
import {
  HAPROXY_CONFIG,
  HAPROXY_USER,
  KEEPALIVED_CONFIG,
  PAIR_RUN,
  haproxyCheck,
  haproxyReload,
  keepalivedCheck,
  keepalivedReload,
  pairCommand,
  pairProbe,
} from "./pair-command";
import { pairWholeCondition } from "./pair-gate";

/** Who may log in to the statistics page. */
export interface StatsLogin {
  readonly user: string;
  /** A secret. */
  readonly password: pulumi.Output<string>;
}

/**
 * HAProxy on two nodes or more behind an address that moves: one of them holds it, and another takes it over within a quarter of a second.
 *
 * Clients connect to `endpoints`: they are on the address that moves, which the network's containers and their host reach, as the host has
 * the bridge. A published port leads to one node, whether or not it holds the address: for looking at it, not for clients that must go on.
 * A connection ends with the node that it went through, so a client connects again; it finds the next node behind the same address. A node
 * that is stopped answers what it has begun first, for `drainSeconds`, and every client is told that its connection has ended.
 *
 * Changed servers, weights and sections are checked by HAProxy itself and taken up by a new worker, which gets the listening sockets from
 * the one before; that one keeps its connections. What replaces a container reaches one node at a time, and the address goes to another one
 * before its node stops.
 *
 * @example
 * const queue = new HaproxyKeepalivedPair("queue", {
 *   network,
 *   haproxy: { listens: { rabbitmq: { port: 5600, servers: { "rabbitmq-1": { endpoint: broker } } } } },
 *   keepalived: { instances: { queue: { addresses: ["10.89.0.100"] } } },
 * });
 * export const rabbitmq = queue.endpoints.rabbitmq?.url("amqp"); // amqp://10.89.0.100:5600
 */
export class HaproxyKeepalivedPair extends pulumi.ComponentResource {
  /** Every frontend and listen by its name, on the first address that moves. */
  public readonly endpoints: Readonly<Record<string, Endpoint>>;

  /** Addresses that move, the first instance's first. */
  public readonly virtualAddresses: readonly string[];

  /** Frontends and listens that are published: of each node on its host. */
  public readonly published: Readonly<Record<string, readonly Endpoint[]>>;

  /** Statistics page of each node on its host, with its path; empty where none is published. */
  public readonly stats: readonly string[];

  public readonly statsLogin: StatsLogin;

  /** Figures of each node for Prometheus, on the service network. */
  public readonly metrics: readonly string[];

  constructor(resourceName: string, args: HaproxyKeepalivedPairArgs, opts?: pulumi.ComponentResourceOptions) {
    super("dockyard:index:HaproxyKeepalivedPair", resourceName, {}, opts);
    const name = nameOnEngines(resourceName, opts);
    const pair = normalizeHaproxyKeepalivedPairArgs(name, args);

    const statsPassword = rotatingPassword(`${name}-stats-password`, 24, { parent: this });
    this.statsLogin = { user: pair.haproxy.stats.user, password: statsPassword.used };
    this.createNodes(name, pair, statsPassword);
    this.virtualAddresses = pair.virtualAddresses;
    this.endpoints = endpointsOf(pair);
    this.published = publishedEndpoints(pair);
    this.stats = publishedStats(pair);
    this.metrics = pair.nodes.map(({ address }) => `${new Endpoint(address, pair.haproxy.stats.port).url("http")}/metrics`);

    this.registerOutputs({
      endpoints: Object.fromEntries(Object.entries(this.endpoints).map(([port, endpoint]) => [port, String(endpoint)])),
      virtualAddresses: this.virtualAddresses,
      stats: this.stats,
      statsUser: this.statsLogin.user,
      statsPassword: this.statsLogin.password,
      metrics: this.metrics,
      servers: serversOf(pair),
    });
  }

  private createNodes(name: string, pair: NormalHaproxyKeepalivedPairArgs, statsPassword: RotatingSecret): void {
    const passwords = instancePasswords(name, pair);
    const nodes = pair.nodes.map((node, index) =>
      pairNode(name, node, index, pair, [haproxyConfig(pair, statsPassword), keepalivedConfig(index, pair, passwords)]),
    );
    new RollingSet(`${name}-nodes`, { component: name, nodes }, { parent: this });
  }
}

/** Who gets the connections, `host:port` each. */
function serversOf({ haproxy: { backends, listens } }: NormalHaproxyKeepalivedPairArgs): string[] {
  return [...Object.values(backends), ...Object.values(listens)].flatMap(({ servers }) =>
    Object.values(servers).map(({ endpoint: { host, port } }) => `${host}:${port}`),
  );
}

function pairNode(
  component: string,
  { name, address }: PairNode,
  index: number,
  pair: NormalHaproxyKeepalivedPairArgs,
  config: readonly NodeConfig[],
): RollingNode {
  const { network, placement, image, memoryMiB, cpus, drainSeconds, environment, transform } = pair;
  const [uid, gid] = HAPROXY_USER.split(":");
  return {
    name,
    host: placement.hostFor(index),
    config,
    container: {
      network,
      address,
      image,
      user: "0:0",
      rootReason: "keepalived sets addresses, and the supervisor starts HAProxy and every script as a user without any capability",
      capabilities: {
        CAP_NET_ADMIN: "keepalived gives the interface the address that moves, and takes it away",
        CAP_NET_RAW: "keepalived's signs of life and its gratuitous ARP go over raw sockets",
        CAP_SYS_NICE: "keepalived runs before all others, so that a busy machine is not taken for a dead one",
        CAP_SETUID: "HAProxy and the scripts run as a user of their own",
        CAP_SETGID: "the same, as its group",
        CAP_KILL: "the supervisor ends HAProxy, which is another user's",
      },
      sysctls: {
        "net.ipv4.conf.all.arp_ignore": { value: "1", reason: "a node that leaves has the address, but is not to be found by it" },
        "net.ipv4.conf.all.arp_announce": { value: "2", reason: "nor does it name that address when it looks for somebody" },
      },
      environment: { ...environment, DRAIN_SECONDS: String(drainSeconds) },
      memoryMiB,
      cpus,
      transform,
      command: pairCommand(),
      tmpfs: {
        ...DEFAULT_TMPFS,
        "/run": "rw,noexec,nosuid,nodev,size=1m,mode=0755",
        [PAIR_RUN]: `rw,noexec,nosuid,nodev,size=1m,mode=0755,uid=${uid},gid=${gid}`,
      },
      ports: nodePorts(index, pair),
      health: { command: pairProbe() },
      // The address goes first, which takes keepalived up to a second.
      stopGraceSeconds: drainSeconds + 10,
    },
    whole: pairWholeCondition(engineName(name), component, pair.virtualAddresses, placement.dockers),
    spare: siblingCondition(component, name, placement, pairProbe()),
  };
}

function haproxyConfig({ haproxy }: NormalHaproxyKeepalivedPairArgs, { accepted }: RotatingSecret): NodeConfig {
  return {
    role: "haproxy",
    mountPath: HAPROXY_CONFIG,
    user: HAPROXY_USER,
    files: [
      { path: "haproxy.cfg", content: renderHaproxyCfg(haproxy, accepted.length) },
      {
        path: "stats-users.cfg",
        content: pulumi.all([...accepted]).apply((known) => renderStatsUsers(haproxy.stats, known)),
        mode: "0400",
      },
    ],
    check: haproxyCheck,
    reload: haproxyReload(),
  };
}

function keepalivedConfig(
  index: number,
  { keepalived, nodes }: NormalHaproxyKeepalivedPairArgs,
  passwords: pulumi.Output<Record<string, string>>,
): NodeConfig {
  const node = { index, addresses: nodes.map(({ address }) => address) };
  return {
    role: "keepalived",
    mountPath: KEEPALIVED_CONFIG,
    files: [
      { path: "keepalived.conf", content: passwords.apply((known) => renderKeepalivedConf(keepalived, node, known)), mode: "0400" },
      ...Object.entries(keepalived.files).map(([path, content]) => ({ path: `${KEEPALIVED_FILES}/${path}`, content, mode: "0555" })),
    ],
    check: keepalivedCheck,
    // It asks whether a script's user may run it by becoming that user.
    checkCapabilities: ["CAP_SETUID", "CAP_SETGID"],
    reload: keepalivedReload(),
  };
}

/** The passwords of the instances that have one, by the instances' names: those that another resource makes are checked when they are known. */
function instancePasswords(name: string, { keepalived }: NormalHaproxyKeepalivedPairArgs): pulumi.Output<Record<string, string>> {
  const given = Object.entries(keepalived.instances).flatMap(([instance, { password }]) =>
    password === undefined ? [] : [[instance, pulumi.secret(password)] as const],
  );
  if (given.length === 0) return pulumi.output<Record<string, string>>({});
  return pulumi.all(Object.fromEntries(given)).apply((passwords) => {
    const checks = new Checks(name);
    for (const [instance, password] of Object.entries(passwords))
      checkPassword(checks, `keepalived.instances.${instance}.password`, password);
    checks.done();
    return passwords;
  });
}

/** Frontends and listens, by their names. */
function binds({ haproxy }: NormalHaproxyKeepalivedPairArgs) {
  return Object.entries({ ...haproxy.frontends, ...haproxy.listens }).map(([name, { port, publishedPort }]) => ({
    name,
    port,
    publishedPort,
  }));
}

function endpointsOf(pair: NormalHaproxyKeepalivedPairArgs): Readonly<Record<string, Endpoint>> {
  return Object.fromEntries(binds(pair).map(({ name, port }) => [name, new Endpoint(pair.virtualAddresses[0], port)]));
}

function publishedEndpoints(pair: NormalHaproxyKeepalivedPairArgs): Readonly<Record<string, readonly Endpoint[]>> {
  return Object.fromEntries(
    binds(pair).flatMap(({ name, publishedPort }) => (publishedPort === undefined ? [] : [[name, onHosts(pair, publishedPort)]])),
  );
}

function publishedStats(pair: NormalHaproxyKeepalivedPairArgs): readonly string[] {
  const { publishedPort, path } = pair.haproxy.stats;
  return publishedPort === null ? [] : onHosts(pair, publishedPort).map((endpoint) => `${endpoint.url("http")}${path}`);
}

function onHosts({ nodes, placement }: NormalHaproxyKeepalivedPairArgs, first: number): readonly Endpoint[] {
  return nodes.map((_, index) => new Endpoint(placement.hostFor(index).address, first + index));
}

function nodePorts(index: number, pair: NormalHaproxyKeepalivedPairArgs): PublishedPort[] {
  const { port, publishedPort } = pair.haproxy.stats;
  return [{ name: "stats", port, publishedPort: publishedPort ?? undefined }, ...binds(pair)].flatMap((bind) =>
    bind.publishedPort === undefined ? [] : [{ internal: bind.port, external: bind.publishedPort + index }],
  );
}
