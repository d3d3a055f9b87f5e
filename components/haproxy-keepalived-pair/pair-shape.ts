import { Shape, anything, flag, instanceOf, listOf, maybe, named, number, numberOrNull, shape, text, texts } from "../core/argument-shape";
import type {
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
} from "./haproxy-args";
import type { GarpArgs, KeepalivedArgs, KeepalivedGlobal, VrrpInstance, VrrpScript, VrrpScriptTiming } from "./keepalived-args";
import type { RealServer, VirtualServer } from "./lvs-args";

const BIND = {
  port: number,
  mode: maybe(text),
  maxConnections: maybe(number),
  backlog: maybe(number),
  publishedPort: maybe(number),
  lines: maybe(texts),
};

const BACKEND: Shape<HaproxyBackend> = {
  mode: maybe(text),
  balance: maybe(text),
  check: maybe(instanceOf("check of a server")),
  servers: named(
    shape<HaproxyServer>({
      endpoint: instanceOf("host and a port, such as an Endpoint"),
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
      mode: maybe(text),
      balance: maybe(text),
      retries: maybe(number),
      redispatch: maybe(flag),
      abortOnClose: maybe(flag),
      httpKeepAlive: maybe(flag),
      forwardFor: maybe(flag),
      log: maybe(text),
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

const VIRTUAL_SERVER = shape<VirtualServer>({
  address: text,
  port: number,
  protocol: maybe(text),
  algorithm: maybe(text),
  kind: maybe(text),
  delayLoopSeconds: maybe(number),
  persistenceSeconds: maybe(number),
  sorryServer: maybe(instanceOf("address and a port")),
  realServers: named(
    shape<RealServer>({
      address: text,
      port: number,
      weight: maybe(number),
      check: maybe(instanceOf("check of a server")),
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
      addresses: listOf(anything),
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
      notify: maybe(instanceOf("command by event")),
    }),
  ),
  virtualServers: maybe(named(VIRTUAL_SERVER)),
});
