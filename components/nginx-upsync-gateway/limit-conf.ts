import { createHash } from "node:crypto";
import type { NormalClientLimit, NormalLimitSettings } from "./limit-args";
import { type Sized, http2Requests, luaRequests } from "./memory";
import { block } from "./nginx-block";

/** Requests in a second of a rate such as `60r/m`. */
export function requestsPerSecond(rate: string): number {
  return Number.parseFloat(rate) / (rate.endsWith("m") ? 60 : 1);
}

/**
 * Name of what a limit counts in, with a hash of how it tells clients apart: nginx refuses a reload in which a name that it has comes with
 * another key, and only while it runs, so that no check could tell. Sizes and rates may change under the same name.
 */
function zoneOf(what: "requests" | "connections", name: string, { by, exempt }: NormalClientLimit): string {
  const told = [by === "address" ? by : by.header.toLowerCase(), exempt.length > 0];
  return `${what}_${name}_${createHash("sha256").update(JSON.stringify(told)).digest("hex").slice(0, 6)}`;
}

/** What counts clients and requests, for the http block. */
export function limitZones(sized: Sized): string[] {
  if (!refusesAny(sized)) return [];
  return [
    ...Object.entries(sized.limits)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([name, limit]) => zonesOf(name, limit)),
    // nginx counts each request of a connection by HTTP/2, and none by HTTP/1, for which the variable is empty.
    ...(http2Requests(sized) === undefined ? [] : ["limit_conn_zone $http2 zone=gateway_http2:32k;"]),
    ...[...luaRequests(sized).keys()].sort().map((name) => `limit_conn_zone ${name} zone=gateway_lua_${name}:32k;`),
    block("map $limit_req_status$limit_conn_status $gateway_retry_after", ["~REJECTED $gateway_wait;", 'default "";']),
  ];
}

function zonesOf(name: string, limit: NormalClientLimit): string[] {
  const { by, rate, connections, exempt, zoneMiB } = limit;
  const header = by === "address" ? undefined : `$http_${by.header.toLowerCase().replaceAll("-", "_")}`;
  const client = header === undefined ? "$binary_remote_addr" : `$limit_${name}_client`;
  const key = exempt.length === 0 ? client : `$limit_${name}_key`;
  return [
    // nginx joins what is sent twice by a comma: each such list would be a client of its own, and the service may take one of its parts.
    ...(header === undefined
      ? []
      : [block(`map ${header} ${client}`, ['"" $binary_remote_addr;', "~, $binary_remote_addr;", `default ${header};`])]),
    ...(exempt.length === 0
      ? []
      : [
          block(`geo $limit_${name}_exempt`, ["default 0;", ...exempt.map((network) => `${network} 1;`)]),
          // An empty key is not counted.
          block(`map $limit_${name}_exempt ${key}`, [`0 ${client};`, 'default "";']),
        ]),
    ...(rate === undefined ? [] : [`limit_req_zone ${key} zone=${zoneOf("requests", name, limit)}:${zoneMiB}m rate=${rate};`]),
    ...(connections === undefined ? [] : [`limit_conn_zone ${key} zone=${zoneOf("connections", name, limit)}:${zoneMiB}m;`]),
  ];
}

/** Whether there is anything that is refused for being one too many. */
function refusesAny(sized: Sized): boolean {
  return Object.keys(sized.limits).length > 0 || http2Requests(sized) !== undefined || luaRequests(sized).size > 0;
}

/** What a location holds its clients and itself to. @param location One in Lua. */
export function limitLines(sized: Sized, names: readonly string[], location?: string): string[] {
  const limits = names.flatMap((name) => {
    const limit = sized.limits[name];
    return limit === undefined ? [] : [{ name, limit }];
  });
  const lines = [...memoryLines(sized, location), ...clientLines(limits)];
  return lines.length === 0 ? [] : [...lines, `set $gateway_wait ${Math.max(1, ...limits.map(({ limit }) => waitSeconds(limit)))};`];
}

/** Bounds on what is under way, so that it has room in the memory. */
function memoryLines(sized: Sized, location: string | undefined): string[] {
  const http2 = http2Requests(sized);
  const inLua = location === undefined ? undefined : luaRequests(sized).get(location);
  return [
    ...(http2 === undefined ? [] : [`limit_conn gateway_http2 ${http2};`]),
    ...(inLua === undefined ? [] : [`limit_conn gateway_lua_${location} ${inLua};`]),
  ];
}

function clientLines(named: readonly { readonly name: string; readonly limit: NormalClientLimit }[]): string[] {
  const [first] = named;
  if (first === undefined) return [];
  const { status } = first.limit;
  return [
    ...named.flatMap(({ name, limit, limit: { rate, burst, nodelay, connections } }) => [
      ...(rate === undefined
        ? []
        : [
            `limit_req zone=${zoneOf("requests", name, limit)}${burst > 0 ? ` burst=${burst}` : ""}${burst > 0 && nodelay ? " nodelay" : ""};`,
          ]),
      ...(connections === undefined ? [] : [`limit_conn ${zoneOf("connections", name, limit)} ${connections};`]),
    ]),
    ...(named.some(({ limit }) => limit.rate !== undefined) ? [`limit_req_status ${status};`] : []),
    ...(named.some(({ limit }) => limit.connections !== undefined) ? [`limit_conn_status ${status};`] : []),
  ];
}

/** Seconds after which a client that was refused has room for one more request. */
function waitSeconds({ rate }: NormalClientLimit): number {
  return rate === undefined ? 1 : Math.ceil(1 / requestsPerSecond(rate));
}

/** The header of what a limit refused, for a server. */
export function retryAfter(sized: Sized): string[] {
  return !refusesAny(sized) ? [] : ["add_header Retry-After $gateway_retry_after always;"];
}

/** Whom to believe about the client's address, for the public server: the admin pages are opened by the connection's own. */
export function realAddress({ trustedProxies }: Pick<NormalLimitSettings, "trustedProxies">): string[] {
  if (trustedProxies.length === 0) return [];
  return [...trustedProxies.map((proxy) => `set_real_ip_from ${proxy};`), "real_ip_header X-Forwarded-For;", "real_ip_recursive on;"];
}
