import { Shape, flag, instanceOf, listOf, maybe, named, number, shape, text, texts } from "../core/argument-shape";
import { isIPv4 } from "node:net";
import type { Checks } from "../core/errors";
import { DEFAULT_KV_PREFIX, checkKvPrefix } from "../core/kv-prefix";

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
}

/** How lists are pulled from Consul. */
export interface PullArgs {
  /** `lua`: pause after all servers have failed. `upsync`: `upsync_interval`. In milliseconds. @default 500 */
  intervalMs?: number;

  /**
   * `lua`: age at which a list that Consul no longer confirms is reported as stale; it stays in use, and the gateway
   * stays healthy. `upsync`: `upsync_timeout` of one pull. In seconds.
   *
   * @default 360
   */
  timeoutSeconds?: number;
}

export interface GatewaySettings {
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

  /** Dynamic modules of the image that nginx must load, as paths. @default the Lua module for `lua`, none for `upsync` */
  modules?: readonly string[];
}

/** Names and types of {@link GatewaySettings}. */
export const SETTINGS: Shape<GatewaySettings> = {
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
  modules: maybe(texts),
};

export type NormalGatewayService = Readonly<Required<GatewayServiceArgs>>;

export type NormalGatewaySettings = Readonly<
  Required<Omit<GatewaySettings, "services" | "pull">> & {
    services: Readonly<Record<string, NormalGatewayService>>;
    pull: Readonly<Required<PullArgs>>;
  }
>;

const ENGINES: readonly string[] = ["lua", "upsync"] satisfies GatewayEngine[];

const LUA_MODULES = ["/usr/lib/nginx/modules/ndk_http_module.so", "/usr/lib/nginx/modules/ngx_http_lua_module.so"];

const SERVICE_NAME = /^[a-z][a-z0-9_-]{0,62}$/;
const LOCATION_PREFIX = /^\/[A-Za-z0-9._~/-]*$/;
const HOST = /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/;
const MODULE_PATH = /^[A-Za-z0-9._/-]+\.so$/;

/** Fills in the defaults; what is wrong is added to `checks`. */
export function normalizeGatewaySettings(checks: Checks, args: GatewaySettings): NormalGatewaySettings {
  const engine = args.engine ?? "lua";
  const gateway: NormalGatewaySettings = {
    ...args,
    engine,
    services: Object.fromEntries(Object.entries(args.services).map(([service, given]) => [service, normalizeService(given)])),
    kvPrefix: args.kvPrefix ?? DEFAULT_KV_PREFIX,
    pull: { intervalMs: args.pull?.intervalMs ?? 500, timeoutSeconds: args.pull?.timeoutSeconds ?? 360 },
    port: args.port ?? 8080,
    adminPort: args.adminPort ?? 8081,
    workers: args.workers ?? 2,
    resolver: args.resolver ?? "127.0.0.11",
    shutdownTimeoutSeconds: args.shutdownTimeoutSeconds ?? 30,
    modules: args.modules ?? (engine === "lua" ? LUA_MODULES : []),
  };

  checkGateway(checks, gateway);
  checkConsul(checks, gateway);
  checkServices(checks, gateway);

  return gateway;
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
  };
}

function checkGateway(checks: Checks, gateway: NormalGatewaySettings): void {
  const { engine, port, adminPort, workers, resolver, shutdownTimeoutSeconds, modules } = gateway;
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
    );
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

function checkServices(checks: Checks, { services }: NormalGatewaySettings): void {
  checks.that(Object.keys(services).length > 0, "services", services, "must hold at least one service; leave the gateway out to have none");
  const owners = new Map<string, string>();
  for (const [service, settings] of Object.entries(services)) {
    checkService(checks, service, settings);
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
    .that(
      LOCATION_PREFIX.test(settings.path),
      `${at}.path`,
      settings.path,
      'must start with "/" and go on in letters, digits, ".", "_", "~", "-" and "/"',
    )
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

function isWhole(value: number, low: number, high: number): boolean {
  return Number.isInteger(value) && value >= low && value <= high;
}

function isAddress(value: string): boolean {
  const [host = "", port = "", ...rest] = value.split(":");
  return isIPv4(host) && /^[1-9]\d*$/.test(port) && isWhole(Number(port), 1, 65_535) && rest.length === 0;
}
