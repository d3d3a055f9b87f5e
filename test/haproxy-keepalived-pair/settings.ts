import type { HaproxyArgs } from "../../components/haproxy-keepalived-pair/haproxy-args";
import { fillHaproxy } from "../../components/haproxy-keepalived-pair/haproxy-settings";
import type { KeepalivedArgs } from "../../components/haproxy-keepalived-pair/keepalived-args";
import { fillKeepalived } from "../../components/haproxy-keepalived-pair/keepalived-settings";

const broker = (n: number) => ({ host: `10.89.0.${130 + n}`, port: 5672 });

/** Everything that can be said of HAProxy. */
export const FULL_HAPROXY: HaproxyArgs = {
  global: { maxConnections: 4000, threads: 2, maxReloads: 3, hardStopAfterSeconds: 600, lines: ["tune.bufsize 32768"] },
  defaults: {
    mode: "http",
    balance: "leastconn",
    retries: 2,
    redispatch: false,
    abortOnClose: false,
    httpKeepAlive: false,
    forwardFor: false,
    log: "all",
    timeouts: { connectMs: 500, clientMs: 30_000, serverMs: 31_000, checkMs: 700, tunnelMs: 60_000 },
    lines: ["option socket-stats"],
  },
  frontends: {
    public: {
      port: 8080,
      backend: "shop",
      maxConnections: 2000,
      backlog: 4000,
      routes: [
        { host: "static.example", backend: "static" },
        { host: "shop.example", pathPrefix: "/a b/$x", backend: "static" },
      ],
      lines: ["http-request set-header X-Proxy haproxy"],
    },
    rpc: { port: 9000, mode: "tcp", backend: "rpc" },
  },
  backends: {
    shop: {
      balance: "uri",
      check: { type: "http", method: "HEAD", path: "/health", host: "shop.example", expect: { status: "200-299,404" } },
      servers: {
        "shop-1": { endpoint: { host: "shop-1", port: 8000 }, weight: 256, maxConnections: 100 },
        "shop-2": { endpoint: { host: "10.89.0.42", port: 8000 }, redirect: "http://10.89.0.42:8000", disabled: true },
      },
    },
    static: {
      check: { type: "http", expect: { contains: "it is up" } },
      servers: { files: { endpoint: { host: "10.89.0.50", port: 80 }, check: false } },
    },
    rpc: {
      mode: "tcp",
      servers: {
        main: {
          endpoint: { host: "10.89.0.43", port: 9000 },
          checkAddress: "10.89.0.44",
          checkPort: 9001,
          intervalMs: 500,
          fall: 1,
          rise: 1,
        },
        spare: { endpoint: { host: "10.89.0.45", port: 9000 }, backup: true, weight: 0 },
      },
    },
  },
  listens: {
    pages: {
      port: 8081,
      check: { type: "http", expect: { matches: '^ok "[0-9]+"$' } },
      servers: { pages: { endpoint: { host: "10.89.0.60", port: 80 } } },
    },
  },
  stats: { port: 8101, path: "/stats", user: "ops", refreshSeconds: 30, publishedPort: null },
};

/** What the stack runs. */
export const PLAIN_HAPROXY: HaproxyArgs = {
  listens: {
    rabbitmq: {
      port: 5600,
      servers: Object.fromEntries([1, 2, 3].map((n) => [`rabbitmq-${n}`, { endpoint: broker(n) }])),
    },
  },
};

export const PLAIN_KEEPALIVED: KeepalivedArgs = { instances: { queue: { addresses: ["10.89.0.100"] } } };

/** Everything that can be said of keepalived, in both versions. */
export const FULL_KEEPALIVED: KeepalivedArgs = {
  global: {
    routerIds: ["left", "right"],
    realTimePriority: 20,
    garp: { intervalSeconds: 0.01, gnaIntervalSeconds: 0.02, masterDelaySeconds: 5, masterRepeat: 3, masterRefreshSeconds: 60 },
  },
  check: { intervalSeconds: 1, timeoutSeconds: 4, weight: -20, fall: 2, rise: 3, initFail: false },
  scripts: {
    disk: { command: ["disk", "/tmp"], weight: 10, initFail: true },
    link: { command: ["/usr/bin/test", "-e", "/run/link"], intervalSeconds: 5 },
  },
  files: { disk: '#!/bin/sh\ntest -w "$1"\n', told: "#!/bin/sh\nexit 0\n" },
  instances: {
    public: {
      addresses: ["10.89.0.100", { address: "10.89.0.101", prefix: 24, device: "eth1", label: "eth1:web" }],
      preempt: true,
      states: ["MASTER", "BACKUP"],
      priorities: [200, 150],
      advertSeconds: 0.1,
      scripts: ["disk", "link"],
      unicastPeers: ["10.89.0.9"],
      notify: {
        master: ["told", "master"],
        backup: ["told", "backup"],
        fault: ["told", "fault"],
        stop: ["told", "stop"],
        always: ["/usr/bin/logger"],
      },
    },
    old: {
      addresses: ["10.89.0.102"],
      version: 2,
      virtualRouterId: 255,
      preempt: true,
      priorities: [100, 110],
      password: "8letters",
      interface: "eth1",
      unicast: false,
    },
  },
  virtualServers: {
    web: {
      address: "10.89.0.100",
      port: 80,
      algorithm: "lblc",
      kind: "TUN",
      persistenceSeconds: 50,
      sorryServer: { address: "10.89.0.70", port: 80 },
      realServers: {
        a: {
          address: "10.89.0.71",
          port: 80,
          weight: 3,
          notifyUp: ["told", "up"],
          notifyDown: ["told", "down"],
          check: { type: "http", path: "/health?deep=1", digest: "640205b7b0fc66c1ea91c463fac6334d", port: 8080, retries: 1 },
        },
        b: { address: "10.89.0.72", port: 80 },
      },
    },
    dns: {
      address: "10.89.0.101",
      port: 53,
      protocol: "UDP",
      algorithm: "sh",
      kind: "NAT",
      delayLoopSeconds: 2,
      realServers: {
        c: { address: "10.89.0.73", port: 5353, check: { type: "misc", command: ["told", "dns"], timeoutSeconds: 2, dynamic: true } },
        d: { address: "10.89.0.74", port: 5353, check: { type: "tcp", port: 53, timeoutSeconds: 1, retries: 0, retryDelaySeconds: 1 } },
      },
    },
  },
};

export const NODES = ["queue-1", "queue-2"];

export const fullHaproxy = () => fillHaproxy(FULL_HAPROXY);
export const plainHaproxy = () => fillHaproxy(PLAIN_HAPROXY);
export const fullKeepalived = () => fillKeepalived(FULL_KEEPALIVED, NODES);
export const plainKeepalived = () => fillKeepalived(PLAIN_KEEPALIVED, NODES);
