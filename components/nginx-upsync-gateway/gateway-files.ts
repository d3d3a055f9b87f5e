import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { GATEWAY_DATA } from "./nginx-command";
import { type GatewayConf, renderModules, renderNginxConf } from "./nginx-conf";
import { UNAVAILABLE_SOCKET } from "./own-servers";
import { luaFiles, luaSettings } from "./lua-conf";
import { TIER_LUA_FILES, renderTierSettings } from "./tier-conf";
import { redisSettings } from "./redis-args";

const LUA_FILES = [
  "answerer.lua",
  "balancer.lua",
  "consul.lua",
  "dump.lua",
  "entries.lua",
  "exchange.lua",
  "follower.lua",
  "json.lua",
  "locations.lua",
  "main.lua",
  "memory.lua",
  "metrics.lua",
  "redis.lua",
  "redis_login.lua",
  "redis_pool.lua",
  "roundrobin.lua",
  "sentinels.lua",
  "status.lua",
  "timer.lua",
  "upstreams.lua",
  "workers.lua",
  ...TIER_LUA_FILES,
] as const;

/** The configuration folder. */
export interface GatewayFolder {
  /** Content of every file by its path in the folder. */
  readonly files: Readonly<Record<string, string>>;

  /** What `/__gateway/health` says once the folder is in use; undefined for `upsync`, which cannot say. */
  readonly configuration: string | undefined;
}

export function gatewayFolder(conf: GatewayConf): GatewayFolder {
  const nginxConf = { "nginx.conf": renderNginxConf(conf) };
  if (conf.engine === "upsync") return { files: nginxConf, configuration: undefined };

  const lua = LUA_FILES.map((file) => [`lua/gateway/${file}`, readFileSync(join(dirname(__filename), "lua", file), "utf8")]);
  const files: Record<string, string> = {
    ...nginxConf,
    ...(Object.fromEntries(lua) as Record<string, string>),
    ...luaFiles(conf.lua, renderModules(conf)),
  };
  const configuration = configurationOf(conf, files);
  return { files: { ...files, "gateway.json": renderSettings(conf, configuration) }, configuration };
}

/** Whether there is Lua of the user's own. */
export function hasLua({ lua }: Pick<GatewayConf, "lua">): boolean {
  return Object.keys(lua.locations).length > 0;
}

/** What the Lua modules are told; `configuration` is what `/__gateway/health` shows once the folder is in use. */
function renderSettings(conf: GatewayConf, configuration: string): string {
  const services = Object.entries(conf.services)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { fallback, strongDependency, allowEmpty, maxTries }]) => [name, { fallback, strongDependency, allowEmpty, maxTries }]);
  const settings = {
    configuration,
    prefix: conf.kvPrefix,
    consul: conf.consul.servers.map(({ host, port }) => ({ host, port })),
    intervalMs: conf.pull.intervalMs,
    timeoutSeconds: conf.pull.timeoutSeconds,
    dump: `${GATEWAY_DATA}/upstreams.json`,
    unavailable: UNAVAILABLE_SOCKET,
    metrics: conf.metrics,
    services: Object.fromEntries(services) as Record<string, unknown>,
    ...(hasLua(conf) && { lua: luaSettings(conf.lua) }),
    ...(conf.redis && { redis: redisSettings(conf.redis) }),
    ...renderTierSettings(conf),
  };
  return `${JSON.stringify(settings, null, 2)}\n`;
}

/** A name for the folder's content, the same for the same content. */
function configurationOf(conf: GatewayConf, files: Record<string, string>): string {
  const content = [renderSettings(conf, ""), ...Object.entries(files).sort().flat()];
  return createHash("sha256").update(JSON.stringify(content)).digest("hex").slice(0, 12);
}
