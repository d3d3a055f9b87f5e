import { isIPv4 } from "node:net";
import type { Checks } from "../core/errors";
import { checkHost, checkLines, checkName, checkPort, checkQuotable, isWhole } from "./config-text";
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
  HttpHealthCheck,
  ProxyMode,
  ServerHealthCheck,
} from "./haproxy-args";

/** Required, but for the fields that have no default. */
type Filled<T, Optional extends keyof T = never> = Required<Omit<T, Optional>> & Pick<T, Optional>;

export type NormalServer = Filled<HaproxyServer, "checkAddress" | "checkPort" | "redirect" | "maxConnections" | "onMarkedDown">;
export type NormalCheck = { type: "tcp" } | (Filled<HttpHealthCheck, "host"> & { expect: NonNullable<HttpHealthCheck["expect"]> });
interface ServerSection {
  servers: Readonly<Record<string, NormalServer>>;
  check: NormalCheck;
}
export type NormalBackend = Filled<Omit<HaproxyBackend, "servers" | "check">, "balance"> & ServerSection;
export type NormalFrontend = Filled<HaproxyFrontend, "maxConnections" | "backlog" | "publishedPort">;
export type NormalListen = Filled<Omit<HaproxyListen, "servers" | "check">, "maxConnections" | "backlog" | "publishedPort" | "balance"> &
  ServerSection;

export interface NormalHaproxy {
  readonly global: Filled<HaproxyGlobal, "hardStopAfterSeconds">;
  readonly defaults: Filled<Omit<HaproxyDefaults, "timeouts">> & { timeouts: Required<HaproxyTimeouts> };
  readonly frontends: Readonly<Record<string, NormalFrontend>>;
  readonly backends: Readonly<Record<string, NormalBackend>>;
  readonly listens: Readonly<Record<string, NormalListen>>;
  readonly stats: Required<HaproxyStats>;
}

/** The frontend that the component itself adds. */
export const STATS_FRONTEND = "stats";

const TIMEOUTS: Required<HaproxyTimeouts> = {
  connectMs: 1000,
  clientMs: 180_000,
  serverMs: 180_000,
  checkMs: 2000,
  httpRequestMs: 10_000,
  httpKeepAliveMs: 10_000,
  queueMs: 10_000,
  tunnelMs: 3_600_000,
};

/** Fills in the defaults. */
export function fillHaproxy(args: HaproxyArgs): NormalHaproxy {
  const defaults = {
    mode: "tcp" as const,
    balance: "roundrobin" as const,
    retries: 3,
    redispatch: true,
    abortOnClose: true,
    httpKeepAlive: true,
    forwardFor: true,
    log: "errors" as const,
    lines: [],
    ...args.defaults,
    timeouts: { ...TIMEOUTS, ...args.defaults?.timeouts },
  };
  const section = { mode: defaults.mode, lines: [] };
  const { port = 8100, path = "/haproxy", user = "admin", refreshSeconds = 5, publishedPort = port } = args.stats ?? {};
  return {
    global: { maxConnections: 8000, threads: 1, maxReloads: 10, lines: [], ...args.global },
    defaults,
    frontends: each(args.frontends, (given) => ({ ...section, routes: [], ...given })),
    backends: each(args.backends, (given) => ({ ...section, ...given, ...fillServers(given) })),
    listens: each(args.listens, (given) => ({ ...section, ...given, ...fillServers(given) })),
    stats: { port, path, user, refreshSeconds, publishedPort },
  };
}

function each<T, N>(given: Readonly<Record<string, T>> = {}, fill: (value: T) => N): Readonly<Record<string, N>> {
  return Object.fromEntries(Object.entries(given).map(([name, value]) => [name, fill(value)]));
}

function fillServers({ servers, check }: HaproxyBackend): ServerSection {
  const server = { check: true, intervalMs: 2000, fall: 3, rise: 2, weight: 1, backup: false, disabled: false };
  return { servers: each(servers, (given) => ({ ...server, ...given })), check: fillCheck(check) };
}

function fillCheck(check: ServerHealthCheck = { type: "tcp" }): NormalCheck {
  if (check.type === "tcp") return check;
  return { method: "GET", path: "/", ...check, expect: check.expect ?? { status: "200-399" } };
}

/** What is wrong is added to `checks`. */
export function checkHaproxy(checks: Checks, haproxy: NormalHaproxy, cpus: number): void {
  checkGlobal(checks, haproxy, cpus);
  checkStats(checks, haproxy);
  checkPorts(checks, haproxy);
  checkSections(checks, haproxy);
  for (const [name, frontend] of Object.entries(haproxy.frontends)) checkFrontend(checks, name, frontend, haproxy);
  for (const [name, backend] of Object.entries(haproxy.backends)) checkServers(checks, `haproxy.backends.${name}`, backend);
  for (const [name, listen] of Object.entries(haproxy.listens)) {
    checkBind(checks, `haproxy.listens.${name}`, listen);
    checkServers(checks, `haproxy.listens.${name}`, listen);
  }
}

function checkGlobal(checks: Checks, { global, defaults }: NormalHaproxy, cpus: number): void {
  const { maxConnections, threads, maxReloads, hardStopAfterSeconds = 1 } = global;
  checks
    .that(isWhole(maxConnections, 1, 1_000_000), "haproxy.global.maxConnections", maxConnections, "must be a whole number from 1")
    .that(
      isWhole(threads, 1, 64) && threads <= cpus,
      "haproxy.global.threads",
      threads,
      `must be 1 to 64 and no more than the container's CPUs (${cpus}): HAProxy would use up the time that keepalived needs to keep the address`,
    )
    .that(isWhole(maxReloads, 1, 1000), "haproxy.global.maxReloads", maxReloads, "must be a whole number from 1 to 1000")
    .that(
      hardStopAfterSeconds > 0,
      "haproxy.global.hardStopAfterSeconds",
      hardStopAfterSeconds,
      "must be more than 0; leave it out for no limit",
    )
    .that(isWhole(defaults.retries, 0, 100), "haproxy.defaults.retries", defaults.retries, "must be a whole number from 0 to 100");
  for (const [name, value] of Object.entries(defaults.timeouts))
    checks.that(isWhole(value, 1, 2_147_483_647), `haproxy.defaults.timeouts.${name}`, value, "must be 1 millisecond or more");
  checkLines(checks, "haproxy.global.lines", global.lines);
  checkLines(checks, "haproxy.defaults.lines", defaults.lines);
}

function checkStats(checks: Checks, { stats }: NormalHaproxy): void {
  checkPort(checks, "haproxy.stats.port", stats.port);
  checks
    .that(
      /^\/[A-Za-z0-9._~/-]+$/.test(stats.path) && !["/metrics", "/healthz"].includes(stats.path),
      "haproxy.stats.path",
      stats.path,
      'must start with "/" and go on in letters, digits, ".", "_", "~", "-" and "/", and be neither /metrics nor /healthz, which are there as well',
    )
    .that(/^[A-Za-z0-9._-]{1,32}$/.test(stats.user), "haproxy.stats.user", stats.user, 'must be up to 32 letters, digits, ".", "_" and "-"')
    .that(isWhole(stats.refreshSeconds, 1, 3600), "haproxy.stats.refreshSeconds", stats.refreshSeconds, "must be 1 to 3600 seconds");
}

/** Every port, inside the container, has one that listens. */
function checkPorts(checks: Checks, { frontends, listens, stats }: NormalHaproxy): void {
  const holders = new Map([[stats.port, "the statistics page"]]);
  const binds = [
    ...Object.entries(frontends).map(([name, { port }]) => ({ path: `haproxy.frontends.${name}.port`, holder: `frontend ${name}`, port })),
    ...Object.entries(listens).map(([name, { port }]) => ({ path: `haproxy.listens.${name}.port`, holder: `listen ${name}`, port })),
  ];
  checks.that(
    binds.length > 0,
    "haproxy",
    { frontends, listens },
    "must have a listen, or a frontend with its backend: an address that nobody answers on serves nobody",
  );
  for (const { path, holder, port } of binds) {
    checkPort(checks, path, port);
    const other = holders.get(port);
    checks.that(other === undefined, path, port, `must be its own, but ${other} listens there; choose another`);
    holders.set(port, holder);
  }
}

/** Names, which only a frontend and a backend may share, and backends that nobody asks. */
function checkSections(checks: Checks, { frontends, backends, listens }: NormalHaproxy): void {
  const owners = new Map([[STATS_FRONTEND, "the statistics page"]]);
  for (const [kind, sections] of Object.entries({ frontends, listens, backends })) {
    for (const [name, { lines }] of Object.entries(sections) as [string, { lines: readonly string[] }][]) {
      const path = `haproxy.${kind}.${name}`;
      const owner = kind === "backends" && Object.hasOwn(frontends, name) ? undefined : owners.get(name);
      checkName(checks, path, name);
      checks.that(owner === undefined, path, name, `must have a name of its own, but ${owner} is called so; rename one of them`);
      owners.set(name, `${kind}.${name}`);
      checkLines(checks, `${path}.lines`, lines);
    }
  }
  const named = new Set(Object.values(frontends).flatMap(({ backend, routes }) => [backend, ...routes.map((route) => route.backend)]));
  for (const name of Object.keys(backends))
    checks.that(
      named.has(name),
      `haproxy.backends.${name}`,
      name,
      "must be named by a frontend, or nothing goes there; remove it or name it",
    );
}

function checkFrontend(checks: Checks, name: string, frontend: NormalFrontend, haproxy: NormalHaproxy): void {
  const path = `haproxy.frontends.${name}`;
  checkBind(checks, path, frontend);
  checkTarget(checks, `${path}.backend`, frontend, frontend.backend, haproxy);
  checks.that(
    frontend.mode === "http" || frontend.routes.length === 0,
    `${path}.routes`,
    frontend.routes,
    'must be left out where the mode is "tcp": only HTTP has hosts and paths; set the mode to "http"',
  );
  for (const [i, route] of frontend.routes.entries()) {
    checkTarget(checks, `${path}.routes[${i}].backend`, frontend, route.backend, haproxy);
    checkRoute(checks, `${path}.routes[${i}]`, route);
  }
}

function checkTarget(checks: Checks, path: string, { mode }: NormalFrontend, name: string, { backends }: NormalHaproxy): void {
  const backend = backends[name];
  checks
    .that(backend !== undefined, path, name, `must be a backend; there are ${Object.keys(backends).join(", ") || "none"}`)
    .that(
      backend === undefined || backend.mode === mode,
      path,
      name,
      `must be of the frontend's own mode "${mode}", but the backend's is "${backend?.mode}"; set both to the same`,
    );
}

function checkRoute(checks: Checks, path: string, { host, pathPrefix }: HaproxyRoute): void {
  checks.that(host !== undefined || pathPrefix !== undefined, path, {}, "must have a host, a pathPrefix or both");
  if (host !== undefined) checkHost(checks, `${path}.host`, host);
  if (pathPrefix === undefined) return;
  checks.that(pathPrefix.startsWith("/"), `${path}.pathPrefix`, pathPrefix, "must start with /");
  checkQuotable(checks, `${path}.pathPrefix`, pathPrefix);
}

function checkBind(checks: Checks, path: string, bind: NormalFrontend | NormalListen): void {
  const { maxConnections = 1, backlog = 1 } = bind;
  checks
    .that(["tcp", "http"].includes(bind.mode), `${path}.mode`, bind.mode, 'must be "tcp" or "http"')
    .that(isWhole(maxConnections, 1, 1_000_000), `${path}.maxConnections`, maxConnections, "must be a whole number from 1")
    .that(isWhole(backlog, 1, 1_000_000), `${path}.backlog`, backlog, "must be a whole number from 1");
}

function checkServers(checks: Checks, path: string, { mode, servers, check }: NormalBackend | NormalListen): void {
  checks.that(Object.keys(servers).length > 0, `${path}.servers`, servers, "must hold at least one server");
  for (const [name, server] of Object.entries(servers)) {
    checkName(checks, `${path}.servers.${name}`, name);
    checkServer(checks, `${path}.servers.${name}`, server, mode);
  }
  if (check.type === "http") checkHttpCheck(checks, `${path}.check`, check);
}

function checkServer(checks: Checks, path: string, server: NormalServer, mode: ProxyMode): void {
  const { endpoint, checkAddress, checkPort: port, intervalMs, fall, rise, weight, redirect, maxConnections = 1 } = server;
  checkHost(checks, `${path}.endpoint.host`, endpoint.host);
  checkPort(checks, `${path}.endpoint.port`, endpoint.port);
  if (port !== undefined) checkPort(checks, `${path}.checkPort`, port);
  checks
    .that(checkAddress === undefined || isIPv4(checkAddress), `${path}.checkAddress`, checkAddress, "must be an IPv4 address")
    .that(isWhole(intervalMs, 1, 86_400_000), `${path}.intervalMs`, intervalMs, "must be 1 millisecond to a day")
    .that(isWhole(fall, 1, 1000), `${path}.fall`, fall, "must be a whole number from 1: a server that never failed cannot have fallen")
    .that(isWhole(rise, 1, 1000), `${path}.rise`, rise, "must be a whole number from 1: a server that never answered cannot have risen")
    .that(isWhole(weight, 0, 256), `${path}.weight`, weight, "must be a whole number from 0, which gets nothing new, to 256")
    .that(isWhole(maxConnections, 1, 1_000_000), `${path}.maxConnections`, maxConnections, "must be a whole number from 1");
  if (redirect === undefined) return;
  checkQuotable(checks, `${path}.redirect`, redirect);
  checks
    .that(mode === "http", `${path}.redirect`, redirect, 'must be left out where the mode is "tcp": only HTTP can redirect')
    .that(/^(https?:\/\/[^/]|\/)/.test(redirect), `${path}.redirect`, redirect, "must begin with http://, https:// or /");
}

function checkHttpCheck(checks: Checks, path: string, { path: asked, host, expect }: Extract<NormalCheck, { type: "http" }>): void {
  checks.that(asked.startsWith("/"), `${path}.path`, asked, "must start with /");
  checkQuotable(checks, `${path}.path`, asked);
  if (host !== undefined) checkHost(checks, `${path}.host`, host);
  checks.that(Object.keys(expect).length === 1, `${path}.expect`, expect, "must have exactly one of status, contains and matches");
  const { status = "200", contains, matches } = expect;
  checks.that(
    /^\d{3}(-\d{3})?(,\d{3}(-\d{3})?)*$/.test(status),
    `${path}.expect.status`,
    status,
    "must be statuses and ranges of them, like 200-299,404",
  );
  if (contains !== undefined) checkQuotable(checks, `${path}.expect.contains`, contains);
  if (matches !== undefined) checkQuotable(checks, `${path}.expect.matches`, matches);
}
