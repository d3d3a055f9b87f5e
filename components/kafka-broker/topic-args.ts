import { Shape, anything, maybe, named, number, shape, text } from "../core/argument-shape";
import { Checks } from "../core/errors";

export interface KafkaTopic {
  readonly name: string;

  /** Partitions, 1 to 1000; messages of one key keep their order inside one. It can grow, which moves keys to other partitions, and not shrink. @default 3 */
  readonly partitions?: number;

  /** Brokers that have each partition. @default 3, or 1 with a single broker */
  readonly replication?: number;

  /** Of them, how many must have a message before one that waits for all is told that it is kept. @default 2 with three replicas or more, else 1 */
  readonly minInSync?: number;

  /** Settings as Kafka calls them: `{ "retention.ms": 86400000 }`; they change while the brokers run. @default Kafka's own */
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
}

/** Names and types of a {@link KafkaTopic}. */
export const TOPIC = shape<KafkaTopic>({
  name: text,
  partitions: maybe(number),
  replication: maybe(number),
  minInSync: maybe(number),
  settings: maybe(named(anything)),
} satisfies Shape<KafkaTopic>);

export interface NormalKafkaTopic {
  readonly name: string;
  readonly partitions: number;
  readonly replication: number;
  readonly minInSync: number;
  readonly settings: Readonly<Record<string, string | number | boolean>>;
}

/** Replicas of what nobody says more of. */
export function usualReplication(brokers: number): number {
  return Math.min(3, brokers);
}

/** How many of so many replicas have to be in sync, so that one may be away and none is alone. */
export function usualMinInSync(replication: number): number {
  return replication >= 3 ? 2 : 1;
}

export function normalizeTopics(topics: readonly KafkaTopic[], brokers: number): readonly NormalKafkaTopic[] {
  return topics.map(
    ({ name, partitions = 3, replication = usualReplication(brokers), minInSync = usualMinInSync(replication), settings = {} }) => ({
      name,
      partitions,
      replication,
      minInSync,
      settings,
    }),
  );
}

/** Kafka's own rule; a dot and an underscore are the same to its metrics. */
const TOPIC_PATTERN = /^[a-zA-Z0-9._-]{1,249}$/;
const SETTING_PATTERN = /^[a-z][a-z0-9.]+$/;

/** What a running cluster has; nothing where it does not run. */
export interface LiveCluster {
  /** How many partitions the topics have, by their names. */
  readonly partitions: Readonly<Record<string, number>>;

  /** Names of the controllers. */
  readonly voters: readonly string[];
}

export function checkTopics(checks: Checks, topics: readonly NormalKafkaTopic[], brokers: number, { partitions: live }: LiveCluster): void {
  topics.forEach(({ name, partitions, replication, minInSync, settings }, index) => {
    const path = `topics[${index}]`;
    const whole = (value: number, low: number, high: number) => Number.isInteger(value) && value >= low && value <= high;
    const has = Object.hasOwn(live, name) ? (live[name] ?? 0) : 0;
    checks
      .that(
        TOPIC_PATTERN.test(name) && name !== "." && name !== ".." && !name.startsWith("__"),
        `${path}.name`,
        name,
        "must be 1 to 249 letters, digits, '.', '_' and '-', and not begin with __, as Kafka's own do",
      )
      .that(
        topics.findIndex((other) => other.name.replaceAll(".", "_") === name.replaceAll(".", "_")) === index,
        `${path}.name`,
        name,
        "must be its own, also with '.' taken for '_'; rename or remove the other topic",
      )
      .that(whole(partitions, 1, 1000), `${path}.partitions`, partitions, "must be 1 to 1000")
      .that(
        partitions >= has,
        `${path}.partitions`,
        partitions,
        `must be ${has} or more: the topic has that many, and Kafka takes none away; make another topic and move its readers`,
      )
      .that(
        whole(replication, 1, brokers),
        `${path}.replication`,
        replication,
        `must be 1 to ${brokers}, as many as there are brokers; lower it or raise brokers`,
      )
      .that(
        minInSync === 1 || whole(minInSync, 1, replication - 1),
        `${path}.minInSync`,
        minInSync,
        `must be below the replication of ${replication}, or no broker could be away without writes being refused`,
      );
    for (const [key, value] of Object.entries(settings)) {
      checks
        .that(SETTING_PATTERN.test(key), `${path}.settings`, key, "must be a setting of topics as Kafka calls it, such as retention.ms")
        .that(key !== "min.insync.replicas", `${path}.settings`, key, "must be left to minInSync")
        .that(
          ["string", "number", "boolean"].includes(typeof value),
          `${path}.settings.${key}`,
          value,
          "must be a string, a number, true or false",
        );
    }
  });
}
