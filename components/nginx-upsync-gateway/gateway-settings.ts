import { Shape, flag, instanceOf, listOf, maybe, named, number, shape, text, texts } from "../core/argument-shape";
import type { Checks } from "../core/errors";
import { DEFAULT_KV_PREFIX } from "../core/kv-prefix";
import { checkGatewaySettings } from "./gateway-checks";
import { GatewayLua, LUA, NormalGatewayLua, normalizeLua } from "./lua-args";
import { GatewayRedis, NormalGatewayRedis, REDIS, normalizeRedis } from "./redis-args";
import { LIMITS, type LimitSettings, type NormalLimitSettings, normalizeLimits } from "./limit-args";
import { type NormalRequestSettings, REQUESTS, type RequestSettings, normalizeRequests } from "./request-args";
import { type NormalTlsSettings, TLS, type TlsSettings, normalizeTls } from "./tls-args";
import { type NormalTierSettings, TIER_SETTINGS, type TierSettings, normalizeTierSettings } from "./tier-args";

/**
 * How the gateway learns of changes: `lua` holds a blocking query on Consul in every worker of a stock nginx;
 * `upsync` renders the directives of the nginx-upsync module, for an image that carries it.
 */
export type GatewayEngine = "lua" | "upsync";

/** One address of Consul's HTTP API. */
export interface ConsulServer {
  /** Name or IPv4 address. */
  host: string;

  /** Port of the HTTP API. */
  port: number;
}

/** One service behind the gateway; its instances are the keys `<kvPrefix>/<service>/<ip>:<port>` in Consul. */
export interface GatewayServiceArgs {
  /** Prefix of the paths that go to the service, as `/goods/`. */
  path: string;

  /** Server in use while no list of the service has ever been seen, as `ip:port`. @default "127.0.0.1:11111", where nothing listens */
  fallback?: string;

  /**
   * Whether the service needs Consul to start: without it neither dump nor fallback is used, requests get 503 with
   * `Retry-After` and the gateway is unhealthy until the first pull since the container's start has succeeded.
   * Reloads do not count as starts. With `upsync`, nginx itself does not start.
   *
   * @default false
   */
  strongDependency?: boolean;

  /** Whether an empty list replaces a full one; if not, the last instances stay in use. `lua` only. @default false */
  allowEmpty?: boolean;

  /** Idle connections to instances that each worker keeps open. @default 64 */
  keepalive?: number;

  /** Instances that one request is tried on, the first included. @default 3 */
  maxTries?: number;

  /** Time to connect to an instance, in milliseconds. @default 500 */
  connectTimeoutMs?: number;

  /**
   * Silence that an instance is granted before and within its answer, in milliseconds. A request older than this is
   * not tried on another instance.
   *
   * @default 60000
   */
  readTimeoutMs?: number;

  /** Names of the gateway's `limits` that its clients are held to. @default none */
  limits?: readonly string[];
}

/** How lists are pulled from Consul. */
export interface PullArgs {
  /** `lua`: pause after all servers have failed. `upsync`: `upsync_interval`. In milliseconds. @default 500 */
  intervalMs?: number;

  /**
   * `lua`: age at which a list that Consul no longer confirms is reported as stale; it stays in use, and the gateway
   * stays healthy, unless one worker alone is no longer told. `upsync`: `upsync_timeout` of one pull. In seconds.
   *
   * @default 360
   */
  timeoutSeconds?: number;
}

export interface GatewaySettings extends LimitSettings, RequestSettings, TierSettings, TlsSettings {
  /** Services behind the gateway, by name. */
  services: Record<string, GatewayServiceArgs>;

  /** Where Consul answers. `lua` moves on to the next server when one fails; `upsync` knows only the first. */
  consul: { servers: readonly ConsulServer[] };

  /** How the gateway learns of changes. @default "lua" */
  engine?: GatewayEngine;

  /** Prefix of the services' keys in Consul, without slashes at its ends. @default "upstreams" */
  kvPrefix?: string;

  /** How lists are pulled from Consul. */
  pull?: PullArgs;

  /** Port that clients connect to, inside the container. @default 8080 */
  port?: number;

  /** Port of the admin pages, inside the container; open only to the container and the addresses of its host. @default 8081 */
  adminPort?: number;

  /** Worker processes of nginx. @default 2 */
  workers?: number;

  /** DNS server that the names of Consul's servers are looked up with. @default "127.0.0.11", Docker's own */
  resolver?: string;

  /** Time that workers which leave, at a reload or a stop, have for their last requests, in seconds. @default 30 */
  shutdownTimeoutSeconds?: number;

  /** Locations that Lua files answer; `lua` only. @default none */
  lua?: GatewayLua;

  /** A Redis for the gateway's Lua; `lua` only. @default none */
  redis?: GatewayRedis;

  /** Dynamic modules of the image that nginx must load, as paths. @default the Lua module for `lua`, none for `upsync` */
  modules?: readonly string[];

  /** Whether requests are counted and `/metrics` on the admin port tells of them, in Prometheus' text format; `lua` only. @default true for `lua` */
  metrics?: boolean;
}

/** Names and types of {@link GatewaySettings}. */
export const SETTINGS: Shape<GatewaySettings> = {
  ...TIER_SETTINGS,
  services: named(
    shape<GatewayServiceArgs>({
      path: text,
      fallback: maybe(text),
      strongDependency: maybe(flag),
      allowEmpty: maybe(flag),
      keepalive: maybe(number),
      maxTries: maybe(number),
      connectTimeoutMs: maybe(number),
      readTimeoutMs: maybe(number),
      limits: maybe(texts),
    }),
  ),
  consul: shape<GatewaySettings["consul"]>({ servers: listOf(instanceOf("host and a port", "host", "port")) }),
  engine: maybe(text),
  kvPrefix: maybe(text),
  pull: maybe(shape<PullArgs>({ intervalMs: maybe(number), timeoutSeconds: maybe(number) })),
  port: maybe(number),
  adminPort: maybe(number),
  workers: maybe(number),
  resolver: maybe(text),
  shutdownTimeoutSeconds: maybe(number),
  lua: maybe(LUA),
  redis: maybe(REDIS),
  modules: maybe(texts),
  metrics: maybe(flag),
  ...LIMITS,
  ...REQUESTS,
  ...TLS,
};

export type NormalGatewayService = Readonly<Required<GatewayServiceArgs>>;

export type NormalGatewaySettings = Readonly<
  Required<
    Omit<GatewaySettings, "services" | "pull" | "lua" | "redis" | keyof (LimitSettings & RequestSettings & TierSettings & TlsSettings)>
  > & {
    services: Readonly<Record<string, NormalGatewayService>>;
    pull: Readonly<Required<PullArgs>>;
    lua: NormalGatewayLua;
    redis?: NormalGatewayRedis;
  }
> &
  NormalLimitSettings &
  NormalRequestSettings &
  NormalTierSettings &
  NormalTlsSettings;

/** Modules that the engine `lua` takes, where Debian has them. */
export const LUA_MODULES: readonly string[] = [
  "/usr/lib/nginx/modules/ndk_http_module.so",
  "/usr/lib/nginx/modules/ngx_http_lua_module.so",
];

/** Fills in the defaults; what is wrong is added to `checks`. */
export function normalizeGatewaySettings(checks: Checks, args: GatewaySettings): NormalGatewaySettings {
  const engine = args.engine ?? "lua";
  const requests = normalizeRequests(args);
  const gateway: NormalGatewaySettings = {
    ...args,
    ...normalizeTierSettings(args, args.redis !== undefined),
    engine,
    services: Object.fromEntries(Object.entries(args.services).map(([service, given]) => [service, normalizeService(given)])),
    kvPrefix: args.kvPrefix ?? DEFAULT_KV_PREFIX,
    pull: { intervalMs: args.pull?.intervalMs ?? 500, timeoutSeconds: args.pull?.timeoutSeconds ?? 360 },
    port: args.port ?? 8080,
    adminPort: args.adminPort ?? 8081,
    workers: args.workers ?? 2,
    resolver: args.resolver ?? "127.0.0.11",
    shutdownTimeoutSeconds: args.shutdownTimeoutSeconds ?? 30,
    lua: normalizeLua(checks, args.lua ?? { locations: {} }),
    redis: args.redis && normalizeRedis(args.redis),
    modules: args.modules ?? (engine === "lua" ? LUA_MODULES : []),
    metrics: args.metrics ?? engine === "lua",
    ...requests,
    ...normalizeLimits(args, requests.requests.maxBodyKiB),
    ...normalizeTls(args),
  };

  checkGatewaySettings(checks, gateway);
  checkUnused(checks, args, gateway);

  return gateway;
}

/** What is given for what is not there is refused: the defaults do not tell. */
function checkUnused(checks: Checks, { switches, answerFiles, tls }: GatewaySettings, { tiers, ...gateway }: NormalGatewaySettings): void {
  const hasTiers = Object.keys(tiers).length > 0;
  checks
    .that(
      tls?.redirect !== false || tls.redirectPort === undefined,
      "tls.redirectPort",
      tls?.redirectPort,
      "must be left out where redirect is false and nobody is sent on",
    )
    .that(
      !hasTiers || switches?.redisPrefix === undefined || gateway.switches.stores.includes("redis"),
      "switches.redisPrefix",
      switches?.redisPrefix,
      'must be left out where the stores of switches are without "redis"',
    );
  for (const [option, value] of Object.entries({ switches, answerFiles })) {
    checks.that(hasTiers || value === undefined, option, value, "must be left out without tiers, for which alone it is");
  }
}

function normalizeService(given: GatewayServiceArgs): NormalGatewayService {
  return {
    path: given.path,
    fallback: given.fallback ?? "127.0.0.1:11111",
    strongDependency: given.strongDependency ?? false,
    allowEmpty: given.allowEmpty ?? false,
    keepalive: given.keepalive ?? 64,
    maxTries: given.maxTries ?? 3,
    connectTimeoutMs: given.connectTimeoutMs ?? 500,
    readTimeoutMs: given.readTimeoutMs ?? 60_000,
    limits: given.limits ?? [],
  };
}
