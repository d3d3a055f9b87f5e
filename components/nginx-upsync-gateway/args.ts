import { NETWORK, PLACEMENT, callback, checkShape, maybe, number, shape, text, texts } from "../core/argument-shape";
import type { Placement } from "../core/host";
import { imageReference } from "../core/images";
import { isWhole } from "../core/whole";
import type { ContainerTransform } from "../core/container-transform";
import { Checks, bounded } from "../core/errors";
import type { ServiceNetwork } from "../core/service-network";
import { GatewaySettings, SETTINGS, NormalGatewaySettings, normalizeGatewaySettings } from "./gateway-settings";
import { luaRequests, workerConnections } from "./memory";

export interface NginxUpsyncGatewayArgs extends GatewaySettings {
  /** Network that the gateways join; their addresses come from it. */
  network: ServiceNetwork;

  /** Gateways that do the same, each with data of its own: behind one address by a `HaproxyKeepalivedPair`, see `listen`. @default 1 */
  instances?: number;

  /** Hosts to choose from. @default the network's */
  placement?: Placement;

  /**
   * Image with nginx, its Lua module or upsync, curl and a shell, whose user may write /var/lib/gateway; for a `redis` also with the library
   * that Debian has as lua-nginx-redis.
   *
   * @default Dockyard's own
   */
  image?: string;

  /** `uid:gid` that the image's software runs as. @default "101:101" */
  user?: string;

  /** Port on the host's loopback for clients; gateway n gets the one n − 1 behind it. @default the same as port */
  publishedPort?: number;

  /** Port on the host's loopback for the admin pages; gateway n gets the one n − 1 behind it. @default the same as adminPort, or the next that is free of publishedPort's */
  publishedAdminPort?: number;

  /**
   * Memory limit in MiB. It decides how many connections each worker takes, 4,096 at the most, and how many requests by HTTP/2 and to locations
   * in Lua are under way at once: so many as there is memory for when all of them take as much of it as they can.
   *
   * @default 1024
   */
  memoryMiB?: number;

  /** CPUs that the gateway may use. @default 2 */
  cpus?: number;

  /** What the engine keeps of the access log, in MiB, for a reader that was away. @default 30, and none of the options that a reader needs */
  logMiB?: number;

  /** Data volumes that may be deleted, by their name on the engine. @default none */
  allowDataLoss?: readonly string[];

  /** Last word on the container. @default none */
  transform?: ContainerTransform;
}

const ARGUMENTS = shape<NginxUpsyncGatewayArgs>({
  ...SETTINGS,
  network: NETWORK,
  instances: maybe(number),
  placement: maybe(PLACEMENT),
  image: maybe(text),
  user: maybe(text),
  publishedPort: maybe(number),
  publishedAdminPort: maybe(number),
  memoryMiB: maybe(number),
  cpus: maybe(number),
  logMiB: maybe(number),
  allowDataLoss: maybe(texts),
  transform: maybe(callback),
});

/** A worker with fewer is of no use. */
const LEAST_CONNECTIONS = 128;

/** A location in Lua that answers fewer at once is of no use either. */
const LEAST_IN_LUA = 4;

/** The most that there is a use for on a handful of hosts. */
const MOST = 8;

type Optional = "transform" | "logMiB";
export type NormalNginxUpsyncGatewayArgs = NormalGatewaySettings &
  Required<Omit<NginxUpsyncGatewayArgs, keyof GatewaySettings | Optional>> &
  Pick<NginxUpsyncGatewayArgs, Optional>;

/**
 * Fills in the defaults and refuses what cannot work.
 *
 * @throws {ConfigError} naming every fault at once.
 */
export function normalizeNginxUpsyncGatewayArgs(name: string, args: NginxUpsyncGatewayArgs): NormalNginxUpsyncGatewayArgs {
  checkShape(name, args, ARGUMENTS);
  const checks = new Checks(name);
  const settings = normalizeGatewaySettings(checks, args);
  const { tls } = settings;
  const {
    network,
    instances = 1,
    placement = network.placement,
    image = imageReference("nginx"),
    user = "101:101",
    publishedPort = settings.port,
    publishedAdminPort = freeOf(settings.adminPort, publishedPort, instances),
    memoryMiB = 1024,
    cpus = 2,
    logMiB,
    allowDataLoss = [],
    transform,
  } = args;

  for (const [location, atOnce] of luaRequests({ ...settings, memoryMiB })) {
    checks.that(
      !(memoryMiB >= 64) || atOnce >= LEAST_IN_LUA,
      `lua.locations.${location}.maxBodyKiB`,
      settings.lua.locations[location]?.maxBodyKiB,
      `must let ${LEAST_IN_LUA} requests at once have such bodies in memory; lower it, or raise memoryMiB`,
    );
  }
  checks
    .that(memoryMiB >= 64, "memoryMiB", memoryMiB, "must be 64 or more")
    .that(
      !(memoryMiB >= 64) || workerConnections({ ...settings, memoryMiB }) >= LEAST_CONNECTIONS,
      "memoryMiB",
      memoryMiB,
      `must give each of ${settings.workers} workers ${LEAST_CONNECTIONS} connections that take what they can; raise it, or lower workers, requests.maxHeaderKiB, fill.maxKiB or zoneMiB`,
    )
    .that(cpus > 0 && cpus <= 1024, "cpus", cpus, "must be more than 0, and 1024 at the most")
    .that(
      Number.isInteger(instances) && instances >= 1 && instances <= MOST,
      "instances",
      instances,
      `must be 1 to ${MOST} gateways; each holds connections to every instance of every service`,
    )
    .that(isWhole(publishedPort, 1, 65_535), "publishedPort", publishedPort, "must be a port from 1 to 65535")
    .that(isWhole(publishedAdminPort, 1, 65_535), "publishedAdminPort", publishedAdminPort, "must be a port from 1 to 65535")
    .that(
      apart(publishedPort, publishedAdminPort, instances),
      "publishedAdminPort",
      publishedAdminPort,
      instances === 1
        ? "must differ from publishedPort"
        : `must leave ${instances} ports to each side of publishedPort, one for every gateway`,
    )
    .that(
      tls === undefined || [publishedPort, publishedAdminPort].every((port) => apart(port, tls.publishedPort, instances)),
      "tls.publishedPort",
      tls?.publishedPort,
      instances === 1
        ? "must differ from publishedPort and publishedAdminPort"
        : `must leave ${instances} ports to each side of publishedPort and publishedAdminPort, one for every gateway`,
    )
    .that(
      instances === 1 || !tls?.redirect || args.tls?.redirectPort !== undefined,
      "tls.redirectPort",
      undefined,
      "must be given for several gateways that send clients on: the port of what is before them, as of a listen with listenTls; or turn redirect off",
    )
    .done();

  return {
    ...settings,
    network,
    instances: bounded(instances, 1, MOST),
    placement,
    image,
    user,
    publishedPort,
    publishedAdminPort,
    memoryMiB,
    cpus,
    logMiB,
    allowDataLoss,
    transform,
  };
}

/** More than one port for each is only in the way of the other where there are several gateways. */
function freeOf(adminPort: number, publishedPort: number, instances: number): number {
  return adminPort > publishedPort ? Math.max(adminPort, publishedPort + bounded(instances, 1, MOST)) : adminPort;
}

/** Whether each gateway has a port of its own behind both. */
function apart(one: number, other: number, instances: number): boolean {
  return Math.abs(one - other) >= bounded(instances, 1, MOST);
}
