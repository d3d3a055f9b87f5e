import { forwardedHeaders } from "./forwarded-conf";
import type { NormalGatewayService, NormalGatewaySettings } from "./gateway-settings";
import type { NormalGuardedPath } from "./limit-args";
import { limitLines, limitZones, realAddress, retryAfter } from "./limit-conf";
import { luaLocations } from "./lua-conf";
import { workerConnections } from "./memory";
import { block, quoted } from "./nginx-block";
import { GATEWAY_DATA } from "./nginx-command";
import { adminServer, unavailableServer } from "./own-servers";
import { publicPrefixes } from "./prefixes";
import type { RedisConf } from "./redis-args";
import { refusals, refuse, requestBounds, securityHeaderValues, securityHeaders } from "./request-conf";
import { type TlsConf, hsts, hstsValue, listeners, redirectServer } from "./tls-conf";
import { tierHeader, tierLocation, tierLogField, tierVariable, tierZones } from "./tier-conf";
import { upstream } from "./upstream-conf";

/** What the gateway's configuration depends on. */
export interface GatewayConf extends Pick<
  NormalGatewaySettings,
  | "engine"
  | "services"
  | "consul"
  | "kvPrefix"
  | "pull"
  | "port"
  | "adminPort"
  | "workers"
  | "resolver"
  | "shutdownTimeoutSeconds"
  | "modules"
  | "lua"
  | "limits"
  | "guardedPaths"
  | "trustedProxies"
  | "requests"
  | "securityHeaders"
  | "metrics"
  | "tiers"
  | "switches"
  | "answerFiles"
> {
  readonly redis?: RedisConf;
  readonly tls: TlsConf | undefined;

  /** Memory of the container, in MiB. */
  readonly memoryMiB: number;

  /** Addresses or networks, other than the container itself, that may read the admin pages: the network's own gateway address. */
  readonly adminClients: readonly string[];
}

export function renderNginxConf(conf: GatewayConf): string {
  return [
    "# Written by Dockyard; a change made here is lost with the next one made there.",
    ...renderModules(conf),
    `worker_processes ${conf.workers};`,
    `worker_shutdown_timeout ${conf.shutdownTimeoutSeconds}s;`,
    "pid /tmp/nginx.pid;",
    "error_log stderr notice;",
    "# Each request's path is matched.",
    "pcre_jit on;",
    "",
    block("events", [
      `worker_connections ${workerConnections(conf)};`,
      "# All that has come is looked at before anything is ended for not having come.",
      `epoll_events ${workerConnections(conf)};`,
    ]),
    "",
    block("http", [
      ...temporaryPaths(),
      "",
      ...accessLog(conf),
      "",
      ...(conf.engine === "lua" ? [...luaPhases(conf), ""] : []),
      ...proxyDefaults(conf),
      "",
      ...guards(conf),
      "",
      ...services(conf).flatMap(([name, service]) => [upstream(conf, name, service), ""]),
      ...redirectServer(conf.port, conf.tls, requestLines(conf)),
      publicServer(conf),
      "",
      ...(conf.engine === "lua" ? [unavailableServer(), ""] : []),
      adminServer(conf),
    ]),
    "",
  ].join("\n");
}

/** Lines that load nginx's modules. */
export function renderModules({ modules }: Pick<GatewayConf, "modules">): string[] {
  return modules.map((module) => `load_module ${module};`);
}

/** The root is read-only, and the paths that nginx was built with lie on it. */
function temporaryPaths(): string[] {
  return [
    // Bodies wait on disk: /tmp is memory, which slow clients must not fill.
    `client_body_temp_path ${GATEWAY_DATA}/client_body;`,
    ...["proxy", "fastcgi", "uwsgi", "scgi"].map((user) => `${user}_temp_path /tmp/${user};`),
  ];
}

function accessLog(conf: GatewayConf): string[] {
  const fields = [
    '"time":"$time_iso8601"',
    '"requestId":"$request_id"',
    '"client":"$remote_addr"',
    '"method":"$request_method"',
    '"uri":"$request_uri"',
    '"status":$status_number',
    '"bytes":$body_bytes_sent',
    '"requestTime":$request_time',
    '"service":"$proxy_host"',
    '"upstreamAddr":"$upstream_addr"',
    '"upstreamStatus":"$upstream_status"',
    '"upstreamTime":"$upstream_response_time"',
    ...tierLogField(conf),
  ];
  return [
    "# 000 and 009 are no numbers in JSON.",
    block("map $status $status_number", ["000 0;", "009 9;", "default $status;"]),
    `log_format gateway escape=json '{${fields.join(",")}}';`,
    "# A write of up to 4 KiB into a pipe is never torn apart by another worker's.",
    "access_log /dev/stdout gateway buffer=4k flush=1s;",
  ];
}

function luaPhases(conf: GatewayConf): string[] {
  const { consul, redis, resolver, metrics } = conf;
  const servers = [...consul.servers, ...(redis ? [...redis.endpoints, ...redis.sentinels] : [])];
  const named = servers.some(({ host }) => !/^[\d.]+$/.test(host));
  return [
    'lua_package_path "${prefix}lua/?.lua;;";',
    "lua_shared_dict gateway_memory 4m;",
    "lua_shared_dict gateway_workers 1m;",
    "lua_shared_dict gateway_states 8m;",
    ...(redis ? ["lua_shared_dict gateway_redis 64k;"] : []),
    ...(metrics ? ["lua_shared_dict gateway_counts 1m;", "lua_shared_dict gateway_failures 1m;"] : []),
    ...tierZones(conf),
    "lua_socket_log_errors off;",
    "# A request that the Lua of a location makes inside is one of its instance's too, and ends like any other.",
    "log_subrequest on;",
    "# By default every thousandth request hands all free memory back, only to have it faulted in again: 5 % of a worker's time.",
    "lua_malloc_trim 0;",
    ...(named ? [`resolver ${resolver} ipv6=off valid=5s;`, "resolver_timeout 1s;"] : []),
    'init_by_lua_block { gateway = require "gateway.main"; gateway.init() }',
    "init_worker_by_lua_block { gateway.init_worker() }",
    "exit_worker_by_lua_block { gateway.exit_worker() }",
  ];
}

function proxyDefaults(conf: GatewayConf): string[] {
  return [
    "server_tokens off;",
    "absolute_redirect off;",
    "proxy_http_version 1.1;",
    'proxy_set_header Connection "";',
    "proxy_set_header Host $host;",
    "proxy_set_header X-Request-Id $request_id;",
    ...forwardedHeaders(conf),
    "# A request that is not idempotent is tried again only if it was never sent.",
    "proxy_next_upstream error timeout invalid_header;",
    "# Answers that a slow client has not taken yet wait at the instance, not in /tmp, which is memory.",
    "proxy_max_temp_file_size 0;",
  ];
}

/** What requests must keep to, and what answers must have. */
function guards(conf: GatewayConf): string[] {
  return [...requestBounds(conf), ...refusals(), ...limitZones(conf), ...securityHeaderValues(conf), ...hstsValue(conf.tls)];
}

function publicServer(conf: GatewayConf): string {
  const isTaken = publicPrefixes(conf).some(([path]) => path === "/");
  return block("server", [
    ...listeners(conf.port, conf.tls),
    ...requestLines(conf),
    ...refuse(),
    ...retryAfter(conf),
    ...tierHeader(conf),
    ...securityHeaders(conf),
    ...hsts(conf.tls),
    "",
    ...services(conf).flatMap(([name, service]) => [location(conf, name, service), ""]),
    ...conf.guardedPaths.flatMap((guarded) => [guardedLocation(conf, guarded), ""]),
    ...luaLocations(conf).flatMap((location) => [location, ""]),
    ...(isTaken ? [] : [block("location /", ["return 404;"])]),
  ]);
}

/** Whom each request of a public port is of, and that it is counted: for every server of clients. */
function requestLines(conf: GatewayConf): string[] {
  return [...realAddress(conf), ...(conf.engine === "lua" ? ["log_by_lua_block { gateway.finish() }"] : []), ...tierVariable(conf)];
}

function guardedLocation(conf: GatewayConf, { service, path, match, limits, maxBodyKiB }: NormalGuardedPath): string {
  const head = { prefix: path, exact: `= ${path}`, regex: `~ ${quoted(path)}` }[match];
  const answering = conf.services[service];
  if (answering === undefined) return "";
  return location(conf, service, { ...answering, path: head, limits: [...answering.limits, ...limits] }, [
    ...(maxBodyKiB === conf.requests.maxBodyKiB ? [] : [`client_max_body_size ${maxBodyKiB}k;`]),
  ]);
}

function location(conf: GatewayConf, name: string, service: NormalGatewayService, more: readonly string[] = []): string {
  const { engine } = conf;
  return block(`location ${service.path}`, [
    ...limitLines(conf, service.limits),
    ...more,
    ...(engine === "lua" ? [`log_by_lua_block { gateway.finish("${name}") }`] : []),
    ...tierLocation(conf, name),
    `proxy_pass http://${name};`,
    `proxy_connect_timeout ${service.connectTimeoutMs}ms;`,
    `proxy_send_timeout ${service.readTimeoutMs}ms;`,
    `proxy_read_timeout ${service.readTimeoutMs}ms;`,
    `proxy_next_upstream_timeout ${service.readTimeoutMs}ms;`,
    // The Lua balancer counts the tries itself, by the instances that there are.
    ...(engine === "upsync" ? [`proxy_next_upstream_tries ${service.maxTries};`] : []),
  ]);
}

function services(conf: GatewayConf): [string, NormalGatewayService][] {
  return Object.entries(conf.services).sort(([a], [b]) => (a < b ? -1 : 1));
}
