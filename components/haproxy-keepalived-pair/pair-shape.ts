import {
  Shape,
  anything,
  byType,
  either,
  flag,
  instanceOf,
  listOf,
  maybe,
  named,
  number,
  numberOrNull,
  oneOf,
  shape,
  text,
  texts,
} from "../core/argument-shape";
import type {
  Balance,
  HaproxyArgs,
  HaproxyBackend,
  HaproxyDefaults,
  HaproxyFrontend,
  HaproxyGlobal,
  HaproxyListen,
  HaproxyRoute,
  HaproxyServer,
  HaproxyStats,
  HaproxyTimeouts,
  HttpHealthCheck,
  LoggedTraffic,
  ProxyMode,
} from "./haproxy-args";
import type {
  GarpArgs,
  KeepalivedArgs,
  KeepalivedGlobal,
  VirtualAddress,
  VrrpInstance,
  VrrpScript,
  VrrpScriptTiming,
} from "./keepalived-args";
import type { LvsCheck, RealServer, VirtualServer } from "./lvs-args";

const MODE = oneOf<ProxyMode>(["tcp", "http"]);
const BALANCE = oneOf<Balance>(["roundrobin", "static-rr", "leastconn", "first", "source", "uri", "random"]);
const ENDPOINT = instanceOf("place of a server, such as an Endpoint", "host", "port");

const CHECK = byType({
  tcp: shape<{ type: "tcp" }>({ type: text }),
  http: shape<HttpHealthCheck>({
    type: text,
    method: maybe(oneOf(["GET", "HEAD", "OPTIONS"])),
    path: maybe(text),
    host: maybe(text),
    expect: maybe(shape<NonNullable<HttpHealthCheck["expect"]>>({ status: maybe(text), contains: maybe(text), matches: maybe(text) })),
  }),
});

const BIND = {
  port: number,
  mode: maybe(MODE),
  maxConnections: maybe(number),
  backlog: maybe(number),
  publishedPort: maybe(number),
  lines: maybe(texts),
};

const BACKEND: Shape<HaproxyBackend> = {
  mode: maybe(MODE),
  balance: maybe(BALANCE),
  check: maybe(CHECK),
  servers: named(
    shape<HaproxyServer>({
      endpoint: ENDPOINT,
      check: maybe(flag),
      checkAddress: maybe(text),
      checkPort: maybe(number),
      intervalMs: maybe(number),
      fall: maybe(number),
      rise: maybe(number),
      weight: maybe(number),
      backup: maybe(flag),
      disabled: maybe(flag),
      redirect: maybe(text),
      maxConnections: maybe(number),
      onMarkedDown: maybe(oneOf(["shutdown-sessions"])),
    }),
  ),
  lines: maybe(texts),
};

/** Names and types of {@link HaproxyArgs}. */
export const HAPROXY = shape<HaproxyArgs>({
  global: maybe(
    shape<HaproxyGlobal>({
      maxConnections: maybe(number),
      threads: maybe(number),
      maxReloads: maybe(number),
      hardStopAfterSeconds: maybe(number),
      lines: maybe(texts),
    }),
  ),
  defaults: maybe(
    shape<HaproxyDefaults>({
      mode: maybe(MODE),
      balance: maybe(BALANCE),
      retries: maybe(number),
      redispatch: maybe(flag),
      abortOnClose: maybe(flag),
      httpKeepAlive: maybe(flag),
      forwardFor: maybe(flag),
      log: maybe(oneOf<LoggedTraffic>(["all", "errors", "none"])),
      timeouts: maybe(
        shape<HaproxyTimeouts>({
          connectMs: maybe(number),
          clientMs: maybe(number),
          serverMs: maybe(number),
          checkMs: maybe(number),
          httpRequestMs: maybe(number),
          httpKeepAliveMs: maybe(number),
          queueMs: maybe(number),
          tunnelMs: maybe(number),
        }),
      ),
      lines: maybe(texts),
    }),
  ),
  frontends: maybe(
    named(
      shape<HaproxyFrontend>({
        ...BIND,
        backend: text,
        routes: maybe(listOf(shape<HaproxyRoute>({ host: maybe(text), pathPrefix: maybe(text), backend: text }))),
      }),
    ),
  ),
  backends: maybe(named(shape<HaproxyBackend>(BACKEND))),
  listens: maybe(named(shape<HaproxyListen>({ ...BIND, ...BACKEND }))),
  stats: maybe(
    shape<HaproxyStats>({
      port: maybe(number),
      path: maybe(text),
      user: maybe(text),
      refreshSeconds: maybe(number),
      publishedPort: maybe(numberOrNull),
    }),
  ),
});

const TIMING: Shape<VrrpScriptTiming> = {
  intervalSeconds: maybe(number),
  timeoutSeconds: maybe(number),
  weight: maybe(number),
  fall: maybe(number),
  rise: maybe(number),
  initFail: maybe(flag),
};

const WAITS = { timeoutSeconds: maybe(number), retries: maybe(number), retryDelaySeconds: maybe(number) };

const LVS_CHECK = byType({
  http: shape<Extract<LvsCheck, { type: "http" }>>({
    type: text,
    path: text,
    status: maybe(number),
    digest: maybe(text),
    port: maybe(number),
    ...WAITS,
  }),
  tcp: shape<Extract<LvsCheck, { type: "tcp" }>>({ type: text, port: maybe(number), ...WAITS }),
  misc: shape<Extract<LvsCheck, { type: "misc" }>>({ type: text, command: texts, timeoutSeconds: maybe(number), dynamic: maybe(flag) }),
});

const VIRTUAL_SERVER = shape<VirtualServer>({
  address: text,
  port: number,
  protocol: maybe(text),
  algorithm: maybe(text),
  kind: maybe(text),
  delayLoopSeconds: maybe(number),
  persistenceSeconds: maybe(number),
  sorryServer: maybe(shape<NonNullable<VirtualServer["sorryServer"]>>({ address: text, port: number })),
  realServers: named(
    shape<RealServer>({
      address: text,
      port: number,
      weight: maybe(number),
      check: maybe(LVS_CHECK),
      notifyUp: maybe(texts),
      notifyDown: maybe(texts),
    }),
  ),
});

/** Names and types of {@link KeepalivedArgs}. */
export const KEEPALIVED = shape<KeepalivedArgs>({
  global: maybe(
    shape<KeepalivedGlobal>({
      routerIds: maybe(texts),
      strict: maybe(flag),
      realTimePriority: maybe(number),
      garp: maybe(
        shape<GarpArgs>({
          intervalSeconds: maybe(number),
          gnaIntervalSeconds: maybe(number),
          masterDelaySeconds: maybe(number),
          masterRepeat: maybe(number),
          masterRefreshSeconds: maybe(number),
        }),
      ),
    }),
  ),
  check: maybe(shape<VrrpScriptTiming>(TIMING)),
  scripts: maybe(named(shape<VrrpScript>({ ...TIMING, command: texts }))),
  files: maybe(named(text)),
  instances: named(
    shape<VrrpInstance>({
      addresses: listOf(
        either(
          text,
          shape<VirtualAddress>({ address: text, prefix: maybe(number), device: maybe(text), label: maybe(text) }),
          "must be an address, or an object with address, prefix, device and label of which all but the address may be left out",
        ),
      ),
      virtualRouterId: maybe(number),
      interface: maybe(text),
      version: maybe(number),
      advertSeconds: maybe(number),
      states: maybe(texts),
      priorities: maybe(listOf(number)),
      preempt: maybe(flag),
      password: maybe(anything),
      unicast: maybe(flag),
      unicastPeers: maybe(texts),
      scripts: maybe(texts),
      notify: maybe(
        shape<NonNullable<VrrpInstance["notify"]>>({
          master: maybe(texts),
          backup: maybe(texts),
          fault: maybe(texts),
          stop: maybe(texts),
          always: maybe(texts),
        }),
      ),
    }),
  ),
  virtualServers: maybe(named(VIRTUAL_SERVER)),
});
