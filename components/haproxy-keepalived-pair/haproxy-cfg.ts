import { isIPv4 } from "node:net";
import { quoted } from "./config-text";
import type { LoggedTraffic, ProxyMode } from "./haproxy-args";
import { NormalBackend, NormalCheck, NormalFrontend, NormalHaproxy, NormalListen, NormalServer, STATS_FRONTEND } from "./haproxy-settings";
import { HAPROXY_WORKER_SOCKET } from "./pair-command";

/** Users that may see the statistics page; a file of its own, which HAProxy alone may read. */
const STATS_USERS = "stats-users";

/** The same users with the password before, while another one takes its place. */
const PREVIOUS_STATS_USERS = `${STATS_USERS}-previous`;

/**
 * HAProxy's configuration but for the password: that is in another file of the same folder.
 *
 * @param statsLogins Passwords with which the statistics page may be seen; two while one takes the place of the other.
 */
export function renderHaproxyCfg(haproxy: NormalHaproxy, statsLogins: number): string {
  return text([
    globalSection(haproxy),
    ...resolvers(haproxy),
    ...(["tcp", "http"] as const).map((mode) => defaults(mode, haproxy)),
    statsFrontend(haproxy, statsLogins),
    ...Object.entries(haproxy.frontends).map(([name, frontend]) => frontendSection(name, frontend)),
    ...Object.entries(haproxy.backends).map(([name, backend]) => section(`backend ${name} from ${backend.mode}`, serverLines(backend))),
    ...Object.entries(haproxy.listens).map(([name, listen]) => listenSection(name, listen)),
  ]);
}

/** The login of the statistics page. */
export function renderStatsUsers({ user }: { readonly user: string }, passwords: readonly string[]): string {
  // A list has a user once.
  const lists = [STATS_USERS, PREVIOUS_STATS_USERS];
  return text(
    passwords.map((password, index) => section(`userlist ${lists[index]}`, [`user ${user} insecure-password ${quoted(password)}`])),
  );
}

function globalSection({ global }: NormalHaproxy): string {
  return section("global", [
    "log stdout format raw local0 info",
    "# A new worker takes the listening sockets over from the one before.",
    `stats socket unix@${HAPROXY_WORKER_SOCKET} mode 600 level admin expose-fd listeners`,
    `maxconn ${global.maxConnections}`,
    `nbthread ${global.threads}`,
    `mworker-max-reloads ${global.maxReloads}`,
    ...(global.hardStopAfterSeconds === undefined ? [] : [`hard-stop-after ${global.hardStopAfterSeconds}s`]),
    ...global.lines,
  ]);
}

/** Names are looked up while HAProxy runs, so that a server may come later than it, or move. */
function resolvers({ backends, listens }: NormalHaproxy): string[] {
  const servers = [...Object.values(backends), ...Object.values(listens)].flatMap((each) => Object.values(each.servers));
  if (servers.every(({ endpoint }) => isIPv4(endpoint.host))) return [];
  return [section("resolvers engine", ["nameserver dns 127.0.0.11:53", "accepted_payload_size 8192", "hold valid 5s"])];
}

function defaults(mode: ProxyMode, { defaults: given }: NormalHaproxy): string {
  const { timeouts } = given;
  return section(`defaults ${mode}`, [
    `mode ${mode}`,
    ...logging(mode, given.log),
    `balance ${given.balance}`,
    `retries ${given.retries}`,
    ...option("redispatch", given.redispatch),
    ...option("abortonclose", given.abortOnClose),
    `timeout connect ${timeouts.connectMs}`,
    `timeout client ${timeouts.clientMs}`,
    `timeout server ${timeouts.serverMs}`,
    `timeout check ${timeouts.checkMs}`,
    `timeout queue ${timeouts.queueMs}`,
    `timeout tunnel ${timeouts.tunnelMs}`,
    ...(mode === "http" ? httpDefaults(given) : []),
    ...(given.mode === mode ? given.lines : []),
  ]);
}

function httpDefaults({ httpKeepAlive, forwardFor, timeouts }: NormalHaproxy["defaults"]): string[] {
  return [
    httpKeepAlive ? "option http-keep-alive" : "option httpclose",
    ...option("forwardfor", forwardFor),
    "# A worker that leaves ends a connection with an answer, never between two requests.",
    "option idle-close-on-response",
    `timeout http-request ${timeouts.httpRequestMs}`,
    `timeout http-keep-alive ${timeouts.httpKeepAliveMs}`,
  ];
}

function logging(mode: ProxyMode, traffic: LoggedTraffic): string[] {
  if (traffic === "none") return [];
  const format = mode === "http" ? "option httplog" : "option tcplog";
  return ["log global", format, "option dontlognull", ...(traffic === "errors" ? ["option dontlog-normal"] : [])];
}

function option(name: string, on: boolean): string[] {
  return on ? [`option ${name}`] : [];
}

function statsFrontend({ stats }: NormalHaproxy, logins: number): string {
  const lists = [STATS_USERS, PREVIOUS_STATS_USERS].slice(0, logins);
  return section(`frontend ${STATS_FRONTEND} from http`, [
    `bind :${stats.port}`,
    "http-request set-log-level silent",
    "monitor-uri /healthz",
    "http-request use-service prometheus-exporter if { path /metrics }",
    "stats enable",
    `stats uri ${stats.path}`,
    `stats refresh ${stats.refreshSeconds}s`,
    "stats show-legends",
    `stats http-request auth realm haproxy unless ${lists.map((list) => `{ http_auth(${list}) }`).join(" || ")}`,
  ]);
}

function frontendSection(name: string, frontend: NormalFrontend): string {
  return section(`frontend ${name} from ${frontend.mode}`, [
    ...bindLines(frontend),
    // HAProxy heeds them before it chooses a backend, wherever they stand.
    ...frontend.lines,
    ...frontend.routes.map(({ host, pathPrefix, backend }) => {
      const conditions = [
        ...(host === undefined ? [] : [`{ req.hdr(host),host_only -i ${host} }`]),
        ...(pathPrefix === undefined ? [] : [`{ path_beg ${quoted(pathPrefix)} }`]),
      ];
      return `use_backend ${backend} if ${conditions.join(" ")}`;
    }),
    `default_backend ${frontend.backend}`,
  ]);
}

function listenSection(name: string, listen: NormalListen): string {
  return section(`listen ${name} from ${listen.mode}`, [...bindLines(listen), ...serverLines(listen)]);
}

function bindLines({ port, maxConnections, backlog }: NormalFrontend | NormalListen): string[] {
  return [
    `bind :${port}`,
    ...(maxConnections === undefined ? [] : [`maxconn ${maxConnections}`]),
    ...(backlog === undefined ? [] : [`backlog ${backlog}`]),
  ];
}

function serverLines({ balance, check, servers, lines }: NormalBackend | NormalListen): string[] {
  return [
    ...(balance === undefined ? [] : [`balance ${balance}`]),
    ...healthCheck(check),
    ...Object.entries(servers).map(([name, server]) => serverLine(name, server)),
    ...lines,
  ];
}

function healthCheck(check: NormalCheck): string[] {
  if (check.type === "tcp") return [];
  const { status, contains, matches } = check.expect;
  return [
    "option httpchk",
    `http-check send meth ${check.method} uri ${quoted(check.path)}${check.host === undefined ? "" : ` ver HTTP/1.1 hdr Host ${check.host}`}`,
    ...(status === undefined ? [] : [`http-check expect status ${status}`]),
    ...(contains === undefined ? [] : [`http-check expect string ${quoted(contains)}`]),
    ...(matches === undefined ? [] : [`http-check expect rstring ${quoted(matches)}`]),
  ];
}

function serverLine(name: string, server: NormalServer): string {
  const { endpoint, check, checkAddress, checkPort, redirect, maxConnections, onMarkedDown } = server;
  return [
    `server ${name} ${endpoint.host}:${endpoint.port}`,
    ...(isIPv4(endpoint.host) ? [] : ["init-addr libc,none resolvers engine"]),
    ...(check ? [`check inter ${server.intervalMs} fall ${server.fall} rise ${server.rise}`] : []),
    ...(checkAddress === undefined ? [] : [`addr ${checkAddress}`]),
    ...(checkPort === undefined ? [] : [`port ${checkPort}`]),
    `weight ${server.weight}`,
    ...(maxConnections === undefined ? [] : [`maxconn ${maxConnections}`]),
    ...(redirect === undefined ? [] : [`redir ${quoted(redirect)}`]),
    ...(onMarkedDown === undefined ? [] : [`on-marked-down ${onMarkedDown}`]),
    ...(server.backup ? ["backup"] : []),
    ...(server.disabled ? ["disabled"] : []),
  ].join(" ");
}

function section(title: string, lines: readonly string[]): string {
  return [title, ...lines.map((line) => `    ${line}`)].join("\n");
}

function text(sections: readonly string[]): string {
  return `${sections.join("\n\n")}\n`;
}
