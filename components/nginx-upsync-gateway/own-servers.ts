import { block } from "./nginx-block";
import type { GatewayConf } from "./nginx-conf";
import { tierPages } from "./tier-conf";

/** Where nginx answers, to itself, the requests that have no instance to go to. */
export const UNAVAILABLE_SOCKET = "unix:/tmp/unavailable.sock";

/** A balancer cannot refuse a request with a status of its own, so it sends those that it must refuse here. */
export function unavailableServer(): string {
  return block("server", [
    `listen ${UNAVAILABLE_SOCKET};`,
    "access_log off;",
    "default_type application/json;",
    "add_header Retry-After 1 always;",
    `return 503 '{"error":"no instance of the service is available"}';`,
  ]);
}

/** The pages for those who look after the gateway. */
export function adminServer(conf: GatewayConf): string {
  const { engine, adminPort, adminClients, metrics } = conf;
  const pages =
    engine === "lua"
      ? ["upstreams", "drained", "serving", "health", ...tierPages(conf)].map((page) =>
          block(`location = /__gateway/${page}`, [`content_by_lua_block { gateway.status.${page}() }`]),
        )
      : [block("location = /upstream_show", ["upstream_show;"]), block("location = /__gateway/health", ["return 200;"])];
  return block("server", [
    `listen ${adminPort};`,
    "access_log off;",
    ...["127.0.0.1", ...adminClients].map((client) => `allow ${client};`),
    "deny all;",
    "",
    ...pages,
    ...(metrics ? [block("location = /metrics", ["content_by_lua_block { gateway.status.metrics() }"])] : []),
    block("location /", ["return 404;"]),
  ]);
}
