import {
  NETWORK,
  PLACEMENT,
  callback,
  checkShape,
  listOf,
  maybe,
  number,
  numberOrNull,
  oneOf,
  shape,
  text,
  texts,
} from "../core/argument-shape";
import { Checks, bounded } from "../core/errors";
import type { Placement } from "../core/host";
import { imageReference } from "../core/images";
import { NAME_PATTERN } from "../core/naming";
import type { ContainerTransform } from "../core/container-transform";
import type { ServiceNetwork } from "../core/service-network";
import { ACLS, KafkaAcl, KafkaUser, NormalKafkaAcl, USERS, checkAccess, normalizeAcls } from "./access-args";
import { KafkaTopic, LiveCluster, NormalKafkaTopic, TOPIC, checkTopics, normalizeTopics } from "./topic-args";

export interface KafkaBrokerArgs {
  /** Network that the nodes join; their addresses come from it, and those of controllers that are nodes of their own from `<name>-controller`. */
  network: ServiceNetwork;

  /** Hosts to spread the brokers over, and the controllers. @default the network's */
  placement?: Placement;

  /** Brokers: 1, or 3 to 9. @default 3 */
  brokers?: number;

  /**
   * Controllers that are nodes of their own: 1, 3 or 5; 0 makes the first brokers, three or the only one, controllers as well. A cluster that runs
   * stays one kind or the other. @default 0
   */
  controllers?: number;

  /** Topics; one that is no longer named stays, with its messages. @default none */
  topics?: readonly KafkaTopic[];

  /** Users that log in by SCRAM-SHA-512. Users and rights are the program's: others are removed. @default none */
  users?: readonly KafkaUser[];

  /** What users may do; what is not named is refused. @default nothing */
  acls?: readonly KafkaAcl[];

  /** What happens to the partitions of a broker that is taken out: "refuse" keeps it while it has any, "move" gives them to the others first. @default "refuse" */
  onLeave?: "refuse" | "move";

  /** Port on each host's loopback for clients there, to the first broker; broker n has the one n − 1 behind it. Null publishes none. @default 9092 */
  port?: number | null;

  /** Memory limit of each broker in MiB. @default 768 */
  memoryMiB?: number;

  /** Java heap of each broker in MiB, at most 6/10 of the limit: the rest is for the file system's cache, threads and buffers. @default half of the limit */
  heapMiB?: number;

  /** CPUs that a node may use. @default 1 */
  cpus?: number;

  /** Image with Kafka 4.1 under /opt/kafka, Java, `/bin/sh` and `kafka-admin`, whose user may write /var/lib/kafka. @default Dockyard's own */
  image?: string;

  /** `uid:gid` that the image's software runs as. @default "9092:9092" */
  user?: string;

  /** Data volumes that may be deleted, by their name on the engine. @default none */
  allowDataLoss?: readonly string[];

  /** Last word on each node's container. @default none */
  transform?: ContainerTransform;
}

const ARGUMENTS = shape<KafkaBrokerArgs>({
  network: NETWORK,
  placement: maybe(PLACEMENT),
  brokers: maybe(number),
  controllers: maybe(number),
  topics: maybe(listOf(TOPIC)),
  users: maybe(USERS),
  acls: maybe(ACLS),
  onLeave: maybe(oneOf(["refuse", "move"])),
  port: maybe(numberOrNull),
  memoryMiB: maybe(number),
  heapMiB: maybe(number),
  cpus: maybe(number),
  image: maybe(text),
  user: maybe(text),
  allowDataLoss: maybe(texts),
  transform: maybe(callback),
});

type Own = "topics" | "acls" | "transform";
export type NormalKafkaBrokerArgs = Required<Omit<KafkaBrokerArgs, Own>> &
  Pick<KafkaBrokerArgs, "transform"> & { readonly topics: readonly NormalKafkaTopic[]; readonly acls: readonly NormalKafkaAcl[] };

const MOST_BROKERS = 9;
const LEAST_HEAP_MIB = 192;

/**
 * Fills in the defaults and refuses what cannot work.
 *
 * @param live Asks the running cluster for what it has, from a number of brokers.
 * @throws {ConfigError} naming every fault at once.
 */
export function normalizeKafkaBrokerArgs(
  name: string,
  args: KafkaBrokerArgs,
  live: (brokers: number) => LiveCluster,
): NormalKafkaBrokerArgs {
  checkShape(name, args, ARGUMENTS);
  const {
    placement = args.network.placement,
    brokers: given = 3,
    controllers = 0,
    topics = [],
    users = [],
    acls = [],
    onLeave = "refuse",
    port = 9092,
    memoryMiB = 768,
    heapMiB = Math.floor(memoryMiB / 2),
    cpus = 1,
    image = imageReference("kafka"),
    user = "9092:9092",
    allowDataLoss = [],
    ...rest
  } = args;
  const brokers = bounded(given, 1, MOST_BROKERS);
  const normal: NormalKafkaBrokerArgs = {
    ...rest,
    placement,
    brokers,
    controllers: bounded(controllers, 0, 5),
    topics: normalizeTopics(topics, brokers),
    users,
    acls: normalizeAcls(acls),
    onLeave,
    port,
    memoryMiB,
    heapMiB,
    cpus,
    image,
    user,
    allowDataLoss,
  };
  const checks = new Checks(name)
    .that(NAME_PATTERN.test(name), "name", name, "must be lower-case letters, digits and inner hyphens, since the nodes are called by it")
    .that(
      brokers === given && brokers !== 2,
      "brokers",
      given,
      `must be 1, or 3 to ${MOST_BROKERS}: of two, neither could be away without writes being refused`,
    )
    .that(
      [0, 1, 3, 5].includes(controllers),
      "controllers",
      controllers,
      "must be 0, or 1, 3 or 5; an even number cannot hold a majority after a split",
    );
  checkSizes(checks, normal);
  checkAccess(checks, users, acls);
  const running = live(brokers);
  checkKind(checks, name, controllers, running);
  checkTopics(checks, normal.topics, brokers, running);
  checks.done();
  return normal;
}

/** The votes cannot be handed from brokers to nodes that know of no voter, nor back. */
function checkKind(checks: Checks, name: string, controllers: number, { voters }: LiveCluster): void {
  const own = voters.some((voter) => voter.startsWith(`${name}-controller-`));
  const remedy = own
    ? "must be 1, 3 or 5: this cluster has controllers of their own; make another cluster to be without"
    : "must be 0: the controllers of this cluster are its brokers; make another cluster to have them apart";
  checks.that(voters.length === 0 || own === controllers > 0, "controllers", controllers, remedy);
}

function checkSizes(checks: Checks, { brokers, port, memoryMiB, heapMiB, cpus }: NormalKafkaBrokerArgs): void {
  checks
    .that(
      port === null || (Number.isInteger(port) && port >= 1 && port + brokers - 1 <= 65_535),
      "port",
      port,
      "must leave a port up to 65535 for every broker, or be null to publish none",
    )
    .that(
      Number.isInteger(heapMiB) && heapMiB >= LEAST_HEAP_MIB,
      "heapMiB",
      heapMiB,
      `must be a whole number from ${LEAST_HEAP_MIB}; raise memoryMiB, or name it`,
    )
    .that(
      heapMiB <= memoryMiB * 0.6,
      "heapMiB",
      heapMiB,
      `must be at most 6/10 of memoryMiB (${memoryMiB}), the rest is for the file system's cache, threads and buffers; raise memoryMiB or lower it`,
    )
    .that(cpus > 0, "cpus", cpus, "must be more than 0");
}
