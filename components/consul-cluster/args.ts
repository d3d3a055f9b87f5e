import {
  NETWORK,
  PLACEMENT,
  anything,
  callback,
  checkShape,
  maybe,
  named,
  number,
  numberOrNull,
  shape,
  text,
  texts,
} from "../core/argument-shape";
import { checkEnvironment } from "../core/environment";
import { Checks, bounded } from "../core/errors";
import type { Placement } from "../core/host";
import { imageReference } from "../core/images";
import { NAME_PATTERN } from "../core/naming";
import type { ContainerTransform } from "../core/container-transform";
import type { ServiceNetwork } from "../core/service-network";

export interface ConsulClusterArgs {
  /** Network that the servers join; their addresses come from it. */
  network: ServiceNetwork;

  /** Hosts to spread the servers over. @default the network's */
  placement?: Placement;

  /** Servers: 1, 3, 5 or 7. @default 3 */
  servers?: number;

  /** Image with `consul` and a shell, whose user may write /consul/data. @default Dockyard's own */
  image?: string;

  /** `uid:gid` that the image's software runs as. @default "8500:8500" */
  user?: string;

  /** Datacenter that the servers form. @default "dc1" */
  datacenter?: string;

  /** Factor on Raft's heartbeat and election timeouts of 1 s, 1 to 10; Consul itself takes 5. @default 1 */
  raftMultiplier?: number;

  /** What the servers log: trace, debug, info, warn or error; changed without a restart. @default "info" */
  logLevel?: string;

  /** Port on each host's loopback for the API and UI of the first server; server n gets the one n − 1 behind it. Null publishes none. @default 8500 */
  apiPort?: number | null;

  /** Memory limit of each server in MiB. @default 256 */
  memoryMiB?: number;

  /** Environment of every server. @default none */
  environment?: Readonly<Record<string, string>>;

  /** Data volumes that may be deleted, by their name on the engine. @default none */
  allowDataLoss?: readonly string[];

  /** Last word on each server's container. @default none */
  transform?: ContainerTransform;
}

const ARGUMENTS = shape<ConsulClusterArgs>({
  network: NETWORK,
  placement: maybe(PLACEMENT),
  servers: maybe(number),
  image: maybe(text),
  user: maybe(text),
  datacenter: maybe(text),
  raftMultiplier: maybe(number),
  logLevel: maybe(text),
  apiPort: maybe(numberOrNull),
  memoryMiB: maybe(number),
  environment: maybe(named(anything)),
  allowDataLoss: maybe(texts),
  transform: maybe(callback),
});

type Optional = "transform";
export type NormalConsulClusterArgs = Required<Omit<ConsulClusterArgs, Optional>> & Pick<ConsulClusterArgs, Optional>;

const LOG_LEVELS = ["trace", "debug", "info", "warn", "error"];

/**
 * Fills in the defaults and refuses what cannot work.
 *
 * @throws {ConfigError} naming every fault at once.
 */
export function normalizeConsulClusterArgs(name: string, args: ConsulClusterArgs): NormalConsulClusterArgs {
  checkShape(name, args, ARGUMENTS);
  const {
    placement = args.network.placement,
    servers = 3,
    image = imageReference("consul"),
    user = "8500:8500",
    datacenter = "dc1",
    raftMultiplier = 1,
    logLevel = "info",
    apiPort = 8500,
    memoryMiB = 256,
    environment = {},
    allowDataLoss = [],
    ...given
  } = args;

  const checks = new Checks(name)
    .that([1, 3, 5, 7].includes(servers), "servers", servers, "must be 1, 3, 5 or 7; an even number cannot hold a majority after a split")
    .that(NAME_PATTERN.test(name), "name", name, "must be lower-case letters, digits and inner hyphens, since the servers are called by it")
    .that(NAME_PATTERN.test(datacenter), "datacenter", datacenter, "must be lower-case letters, digits and inner hyphens")
    .that(
      Number.isInteger(raftMultiplier) && raftMultiplier >= 1 && raftMultiplier <= 10,
      "raftMultiplier",
      raftMultiplier,
      "must be a whole number from 1 (fast elections) to 10 (slow machines)",
    )
    .that(LOG_LEVELS.includes(logLevel), "logLevel", logLevel, `must be one of ${LOG_LEVELS.join(", ")}`)
    .that(
      apiPort === null || (Number.isInteger(apiPort) && apiPort >= 1 && apiPort + servers - 1 <= 65_535),
      "apiPort",
      apiPort,
      "must leave a port up to 65535 for every server, or be null to publish none",
    )
    .that(memoryMiB >= 128, "memoryMiB", memoryMiB, "must be 128 or more: a server holds all keys in memory");
  checkEnvironment(checks, environment);
  checks.done();

  return {
    ...given,
    placement,
    servers: bounded(servers, 1, 7),
    image,
    user,
    datacenter,
    raftMultiplier,
    logLevel,
    apiPort,
    memoryMiB,
    environment,
    allowDataLoss,
  };
}
