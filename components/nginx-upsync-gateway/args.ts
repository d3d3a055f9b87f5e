import { NETWORK, PLACEMENT, callback, checkShape, maybe, number, shape, text, texts } from "../core/argument-shape";
import type { Placement } from "../core/host";
import { imageReference } from "../core/images";
import type { ContainerTransform } from "../core/container-transform";
import { Checks } from "../core/errors";
import type { ServiceNetwork } from "../core/service-network";
import { GatewaySettings, SETTINGS, NormalGatewaySettings, normalizeGatewaySettings } from "./gateway-settings";

export interface NginxUpsyncGatewayArgs extends GatewaySettings {
  /** Network that the gateway joins; its address comes from it. */
  network: ServiceNetwork;

  /** Hosts to choose from. @default the network's */
  placement?: Placement;

  /** Image with nginx, its Lua module or upsync, curl and a shell, whose user may write /var/lib/gateway. @default Dockyard's own */
  image?: string;

  /** `uid:gid` that the image's software runs as. @default "101:101" */
  user?: string;

  /** Port on the host's loopback for clients. @default the same as port */
  publishedPort?: number;

  /** Port on the host's loopback for the admin pages. @default the same as adminPort */
  publishedAdminPort?: number;

  /** Memory limit in MiB. @default 256 */
  memoryMiB?: number;

  /** CPUs that the gateway may use. @default 2 */
  cpus?: number;

  /** What the engine keeps of the access log, in MiB: as much as a reader that was away finds. @default 30 */
  logMiB?: number;

  /** Data volumes that may be deleted, by their name on the engine. @default none */
  allowDataLoss?: readonly string[];

  /** Last word on the container. @default none */
  transform?: ContainerTransform;
}

const ARGUMENTS = shape<NginxUpsyncGatewayArgs>({
  ...SETTINGS,
  network: NETWORK,
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

type Optional = "transform";
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
  const {
    network,
    placement = network.placement,
    image = imageReference("nginx"),
    user = "101:101",
    publishedPort = settings.port,
    publishedAdminPort = settings.adminPort,
    memoryMiB = 256,
    cpus = 2,
    logMiB = 30,
    allowDataLoss = [],
    transform,
  } = args;

  checks
    .that(memoryMiB >= 64, "memoryMiB", memoryMiB, "must be 64 or more")
    .that(cpus > 0, "cpus", cpus, "must be more than 0")
    .that(publishedPort !== publishedAdminPort, "publishedAdminPort", publishedAdminPort, "must differ from publishedPort")
    .done();

  return {
    ...settings,
    network,
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
