import type * as pulumi from "@pulumi/pulumi";
import {
  NETWORK,
  PLACEMENT,
  anything,
  callback,
  checkShape,
  maybe,
  number,
  numberOrNull,
  shape,
  text,
  texts,
} from "../core/argument-shape";
import { Checks, bounded } from "../core/errors";
import type { Placement } from "../core/host";
import { imageReference } from "../core/images";
import { NAME_PATTERN } from "../core/naming";
import { checkSecret } from "../core/secret";
import type { ContainerTransform } from "../core/container-transform";
import type { ServiceNetwork } from "../core/service-network";
import { ACCESS, NormalRabbitmqAccess, RabbitmqAccess, checkAccess, normalizeAccess } from "./access-args";

export interface RabbitmqClusterArgs extends RabbitmqAccess {
  /** Network that the brokers join; their addresses come from it. */
  network: ServiceNetwork;

  /** Hosts to spread the brokers over. @default the network's */
  placement?: Placement;

  /** Brokers: 1, 3, 5 or 7. @default 3 */
  brokers?: number;

  /** Image with `rabbitmq-server` 4 and its tools on the path, `bash` and `curl`, whose user may write /var/lib/rabbitmq. @default Dockyard's own */
  image?: string;

  /** `uid:gid` that the image's software runs as. @default "5672:5672" */
  user?: string;

  /** Secret that the brokers know each other by; another one needs `npm run down` first. @default a generated one */
  cookie?: pulumi.Output<string>;

  /** Port on each host's loopback for AMQP to the first broker; broker n gets the one n − 1 behind it. Null publishes none. @default 5674 */
  amqpPort?: number | null;

  /** The same for the management page and API. @default 15674 */
  managementPort?: number | null;

  /** The same for Prometheus' metrics, which are always on the service network. @default null */
  prometheusPort?: number | null;

  /** Memory limit of each broker in MiB; publishers are blocked at six tenths of it. @default 512 */
  memoryMiB?: number;

  /** Free space on the data volume in MiB below which publishers are blocked. @default the memory limit */
  diskFreeMiB?: number;

  /** CPUs that a broker may use. @default 1 */
  cpus?: number;

  /** What the brokers log: debug, info, warning or error. @default "info" */
  logLevel?: string;

  /** Data volumes that may be deleted, by their name on the engine. @default none */
  allowDataLoss?: readonly string[];

  /** Last word on each broker's container. @default none */
  transform?: ContainerTransform;
}

const ARGUMENTS = shape<RabbitmqClusterArgs>({
  ...ACCESS,
  network: NETWORK,
  placement: maybe(PLACEMENT),
  brokers: maybe(number),
  image: maybe(text),
  user: maybe(text),
  // One in clear is told by its own check.
  cookie: maybe(anything),
  amqpPort: maybe(numberOrNull),
  managementPort: maybe(numberOrNull),
  prometheusPort: maybe(numberOrNull),
  memoryMiB: maybe(number),
  diskFreeMiB: maybe(number),
  cpus: maybe(number),
  logLevel: maybe(text),
  allowDataLoss: maybe(texts),
  transform: maybe(callback),
});

type Optional = "transform" | "cookie";
export type NormalRabbitmqClusterArgs = Required<Omit<RabbitmqClusterArgs, Optional | keyof RabbitmqAccess>> &
  Pick<RabbitmqClusterArgs, Optional> & { readonly access: NormalRabbitmqAccess };

const LOG_LEVELS = ["debug", "info", "warning", "error"];

/**
 * Fills in the defaults and refuses what cannot work.
 *
 * @throws {ConfigError} naming every fault at once.
 */
export function normalizeRabbitmqClusterArgs(name: string, args: RabbitmqClusterArgs): NormalRabbitmqClusterArgs {
  checkShape(name, args, ARGUMENTS);
  const {
    placement = args.network.placement,
    brokers = 3,
    image = imageReference("rabbitmq"),
    user = "5672:5672",
    amqpPort = 5674,
    managementPort = 15_674,
    prometheusPort = null,
    memoryMiB = 512,
    diskFreeMiB = memoryMiB,
    cpus = 1,
    logLevel = "info",
    allowDataLoss = [],
    users,
    vhosts,
    permissions,
    policies,
    ...given
  } = args;
  const access = normalizeAccess({ users, vhosts, permissions, policies });

  const checks = new Checks(name)
    .that([1, 3, 5, 7].includes(brokers), "brokers", brokers, "must be 1, 3, 5 or 7; an even number cannot hold a majority after a split")
    .that(
      NAME_PATTERN.test(name),
      "name",
      name,
      "must be lower-case letters, digits and inner hyphens, since the brokers are called by it",
    );
  checkSecret(checks, "cookie", given.cookie);
  for (const [argument, port] of Object.entries({ amqpPort, managementPort, prometheusPort })) {
    checks.that(
      port === null || (Number.isInteger(port) && port >= 1 && port + brokers - 1 <= 65_535),
      argument,
      port,
      "must leave a port up to 65535 for every broker, or be null to publish none",
    );
  }
  checks
    .that(memoryMiB >= 256, "memoryMiB", memoryMiB, "must be 256 or more: a broker needs some 120 MiB before it holds a message")
    .that(
      diskFreeMiB >= 50,
      "diskFreeMiB",
      diskFreeMiB,
      "must be 50 or more, the least that RabbitMQ itself takes; the memory limit is what it recommends",
    )
    .that(cpus > 0, "cpus", cpus, "must be more than 0")
    .that(LOG_LEVELS.includes(logLevel), "logLevel", logLevel, `must be one of ${LOG_LEVELS.join(", ")}`);
  checkAccess(checks, access);
  checks.done();

  return {
    ...given,
    placement,
    brokers: bounded(brokers, 1, 7),
    image,
    user,
    amqpPort,
    managementPort,
    prometheusPort,
    memoryMiB,
    diskFreeMiB,
    cpus,
    logLevel,
    allowDataLoss,
    access,
  };
}
