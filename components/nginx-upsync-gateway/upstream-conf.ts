import type { NormalGatewayService } from "./gateway-settings";
import { block } from "./nginx-block";
import { GATEWAY_DATA } from "./nginx-command";
import type { GatewayConf } from "./nginx-conf";

/** Where a service's instances come from, and how connections to them are kept. */
export function upstream(conf: GatewayConf, name: string, service: NormalGatewayService): string {
  return block(`upstream ${name}`, [
    `server ${service.fallback};`,
    ...(conf.engine === "lua" ? [`balancer_by_lua_block { gateway.balance("${name}") }`] : upsync(conf, name, service)),
    `keepalive ${service.keepalive};`,
    "keepalive_requests 10000;",
    // Below the 5 s after which Node.js closes idle connections: a request must not meet the closing.
    "keepalive_timeout 4s;",
  ]);
}

/** The directives as the module's documentation has them; the slash keeps `goods` apart from `goods-old`. */
function upsync({ consul, kvPrefix, pull }: GatewayConf, name: string, { strongDependency }: NormalGatewayService): string[] {
  const server = consul.servers
    .slice(0, 1)
    .map(({ host, port }) => `${host}:${port}`)
    .join();
  const dump = `${GATEWAY_DATA}/servers_${name}.conf`;
  return [
    `upsync ${server}/v1/kv/${kvPrefix}/${name}/ upsync_timeout=${minutes(pull.timeoutSeconds)} upsync_interval=${pull.intervalMs}ms ` +
      `upsync_type=consul strong_dependency=${strongDependency ? "on" : "off"};`,
    `upsync_dump_path ${dump};`,
    // The star lets the file be absent, as it is at the first start.
    `include ${dump}*;`,
  ];
}

function minutes(seconds: number): string {
  return seconds % 60 === 0 ? `${seconds / 60}m` : `${seconds}s`;
}
