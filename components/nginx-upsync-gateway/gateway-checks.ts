import { isIPv4 } from "node:net";
import type { Checks } from "../core/errors";
import { checkKvPrefix } from "../core/kv-prefix";
import { isWhole } from "../core/whole";
import { checkLimits } from "./limit-checks";
import { checkRequests } from "./request-checks";
import { checkTls } from "./tls-args";
import type { GatewayEngine, NormalGatewayService, NormalGatewaySettings } from "./gateway-settings";
import { checkLua } from "./lua-args";
import { PREFIX_REMEDY, isPrefix } from "./prefixes";
import { checkRedis } from "./redis-args";
import { checkTierSettings } from "./tier-checks";

const ENGINES: readonly string[] = ["lua", "upsync"] satisfies GatewayEngine[];
const SERVICE_NAME = /^[a-z][a-z0-9_-]{0,62}$/;
const HOST = /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/;
const MODULE_PATH = /^[A-Za-z0-9._/-]+\.so$/;

/** What is wrong is added to `checks`. */
export function checkGatewaySettings(checks: Checks, gateway: NormalGatewaySettings): void {
  checkGateway(checks, gateway);
  checkConsul(checks, gateway);
  checkServices(checks, gateway);
  checkRequests(checks, gateway);
  checkLimits(checks, gateway);
  checkTls(checks, gateway, [gateway.port, gateway.adminPort]);
  checkTierSettings(checks, gateway, gateway);
  checkLuaOnly(checks, gateway);
  checkLua(checks, gateway.lua, Object.fromEntries(Object.entries(gateway.services).map(([service, { path }]) => [service, path])));
  if (gateway.redis) checkRedis(checks, gateway.redis);
}

/** What the gateway's Lua does is refused with an engine that has none. */
function checkLuaOnly(checks: Checks, { engine, redis, lua }: NormalGatewaySettings): void {
  const remedy = 'must be left out with the engine "upsync", which has no Lua';
  const locations = Object.keys(lua.locations);
  checks
    .that(engine !== "upsync" || redis === undefined, "redis", "(a Redis)", remedy)
    .that(engine !== "upsync" || locations.length === 0, "lua", locations, remedy);
}

function checkGateway(checks: Checks, gateway: NormalGatewaySettings): void {
  const { engine, port, adminPort, workers, resolver, shutdownTimeoutSeconds, modules, metrics } = gateway;
  checks
    .that(ENGINES.includes(engine), "engine", engine, 'must be "lua" or "upsync"; leave it out for "lua"')
    .that(
      isWhole(port, 1024, 65_535),
      "port",
      port,
      "must be a port from 1024 to 65535, for nginx runs unprivileged; publish it on a lower one",
    )
    .that(isWhole(adminPort, 1024, 65_535), "adminPort", adminPort, "must be a port from 1024 to 65535, for nginx runs unprivileged")
    .that(port !== adminPort, "adminPort", adminPort, "must differ from port, which clients reach; choose another")
    .that(isWhole(workers, 1, 64), "workers", workers, "must be 1 to 64 processes; one for each core is plenty")
    .that(isIPv4(resolver), "resolver", resolver, "must be the IPv4 address of a DNS server")
    .that(
      isWhole(shutdownTimeoutSeconds, 1, 3600),
      "shutdownTimeoutSeconds",
      shutdownTimeoutSeconds,
      "must be 1 to 3600 seconds; take the longest that a request may last",
    )
    .that(engine === "lua" || !metrics, "metrics", metrics, 'must be left out with the engine "upsync", which has nobody who could count');
  for (const [i, module] of modules.entries()) {
    checks.that(MODULE_PATH.test(module), `modules[${i}]`, module, "must be the path of a .so file in the image");
  }
}

function checkConsul(checks: Checks, { consul, kvPrefix, pull }: NormalGatewaySettings): void {
  checkKvPrefix(checks, kvPrefix);
  checks
    .that(
      consul.servers.length > 0,
      "consul.servers",
      consul.servers,
      "must name at least one server; pass the endpoints of a ConsulCluster",
    )
    .that(
      isWhole(pull.intervalMs, 10, 500),
      "pull.intervalMs",
      pull.intervalMs,
      "must be 10 to 500 milliseconds: longer and changes are missed, shorter and a Consul that is down is flooded",
    )
    // A list is confirmed about every 11 s when nothing changes.
    .that(
      isWhole(pull.timeoutSeconds, 15, 3600),
      "pull.timeoutSeconds",
      pull.timeoutSeconds,
      "must be 15 to 3600 seconds: a query waits for 10 s when nothing changes",
    );
  for (const [i, { host, port }] of consul.servers.entries()) {
    checks
      .that(HOST.test(host), `consul.servers[${i}].host`, host, "must be a host name or an IPv4 address")
      .that(isWhole(port, 1, 65_535), `consul.servers[${i}].port`, port, "must be a port from 1 to 65535; Consul's HTTP API is on 8500");
  }
}

function checkServices(checks: Checks, { engine, services }: NormalGatewaySettings): void {
  checks.that(Object.keys(services).length > 0, "services", services, "must hold at least one service; leave the gateway out to have none");
  const owners = new Map<string, string>();
  for (const [service, settings] of Object.entries(services)) {
    checkService(checks, service, settings);
    checks.that(
      engine === "lua" || !settings.allowEmpty,
      `services.${service}.allowEmpty`,
      settings.allowEmpty,
      'must be left out with the engine "upsync", whose module decides about empty lists',
    );
    const owner = owners.get(settings.path);
    checks.that(
      owner === undefined,
      `services.${service}.path`,
      settings.path,
      `must differ from that of ${owner}; give each service a path of its own`,
    );
    owners.set(settings.path, service);
  }
}

function checkService(checks: Checks, service: string, settings: NormalGatewayService): void {
  const at = `services.${service}`;
  checks
    .that(
      SERVICE_NAME.test(service),
      at,
      service,
      'must be 1 to 63 of a-z, 0-9, "-" and "_", a letter first: it names the upstream and the keys in Consul',
    )
    .that(service !== "none", at, service, "must be another name: by none the metrics tell of requests that are for no service")
    .that(isPrefix(settings.path), `${at}.path`, settings.path, PREFIX_REMEDY)
    .that(
      isAddress(settings.fallback),
      `${at}.fallback`,
      settings.fallback,
      "must be ip:port, as 127.0.0.1:11111; nginx does not wait for names",
    )
    .that(isWhole(settings.keepalive, 1, 4096), `${at}.keepalive`, settings.keepalive, "must be 1 to 4096 idle connections in each worker")
    .that(isWhole(settings.maxTries, 1, 10), `${at}.maxTries`, settings.maxTries, "must be 1 to 10; 1 never retries")
    .that(
      isWhole(settings.connectTimeoutMs, 1, 60_000),
      `${at}.connectTimeoutMs`,
      settings.connectTimeoutMs,
      "must be 1 to 60000 milliseconds; in one network 500 is long",
    )
    .that(
      isWhole(settings.readTimeoutMs, 1, 3_600_000),
      `${at}.readTimeoutMs`,
      settings.readTimeoutMs,
      "must be 1 to 3600000 milliseconds; take the slowest answer that is still of use",
    );
}

function isAddress(value: string): boolean {
  const [host = "", port = "", ...rest] = value.split(":");
  return isIPv4(host) && /^[1-9]\d*$/.test(port) && isWhole(Number(port), 1, 65_535) && rest.length === 0;
}
