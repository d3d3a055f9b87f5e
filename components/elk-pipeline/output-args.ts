import * as pulumi from "@pulumi/pulumi";
import { Shape, anything, byType, instanceOf, listOf, maybe, number, oneOf, shape, text } from "../core/argument-shape";
import type { Endpoint } from "../core/endpoint";
import { Checks } from "../core/errors";
import { checkGivenSecret } from "../core/secret";

/** Nodes of Elasticsearch that events are written to. */
export interface ElasticsearchOutput {
  readonly type: "elasticsearch";
  readonly endpoints: readonly Endpoint[];

  /** User that may put index templates, and make, write and delete the indices. @default no login */
  readonly user?: string;

  /** Password of the user, a secret. @default none */
  readonly password?: pulumi.Output<string>;
}

/** A Logstash of somebody else's, with its input `beats`. */
export interface LogstashOutput {
  readonly type: "logstash";
  readonly endpoints: readonly Endpoint[];
}

/** A list of Redis that somebody else takes events from. */
export interface RedisOutput {
  readonly type: "redis";

  /** Servers that each take a part; a primary alone where there are replicas. */
  readonly endpoints: readonly Endpoint[];

  /** Key of the list. @default the pipeline's name */
  readonly key?: string;

  /** Password of the default user, a secret: Filebeat 7 gives no other. @default none */
  readonly password?: pulumi.Output<string>;

  /** Number of the database. @default 0 */
  readonly database?: number;
}

/** A topic of Kafka, 2.3 or later. */
export interface KafkaOutput {
  readonly type: "kafka";

  /** Brokers that are asked first. */
  readonly endpoints: readonly Endpoint[];

  /** @default the pipeline's name */
  readonly topic?: string;

  /** @default no login */
  readonly user?: string;

  /** Password of the user, a secret. @default none */
  readonly password?: pulumi.Output<string>;

  /** @default "SCRAM-SHA-512" */
  readonly mechanism?: "PLAIN" | "SCRAM-SHA-256" | "SCRAM-SHA-512";
}

/** Where events go: exactly one place. */
export type LogOutput = ElasticsearchOutput | LogstashOutput | RedisOutput | KafkaOutput;

const ENDPOINTS = listOf(instanceOf("Endpoint", "host", "port"));
// A password in clear is told by its own check.
const PASSWORD = maybe(anything);

/** Names and types of a {@link LogOutput}. */
export const LOG_OUTPUT = byType({
  elasticsearch: shape({ type: text, endpoints: ENDPOINTS, user: maybe(text), password: PASSWORD } satisfies Shape<ElasticsearchOutput>),
  logstash: shape({ type: text, endpoints: ENDPOINTS } satisfies Shape<LogstashOutput>),
  redis: shape({
    type: text,
    endpoints: ENDPOINTS,
    key: maybe(text),
    password: PASSWORD,
    database: maybe(number),
  } satisfies Shape<RedisOutput>),
  kafka: shape({
    type: text,
    endpoints: ENDPOINTS,
    topic: maybe(text),
    user: maybe(text),
    password: PASSWORD,
    mechanism: maybe(oneOf(["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])),
  } satisfies Shape<KafkaOutput>),
});

type Login = "user" | "password";
export type NormalRedisOutput = Required<Omit<RedisOutput, "password">> & Pick<RedisOutput, "password">;
export type NormalKafkaOutput = Required<Omit<KafkaOutput, Login>> & Pick<KafkaOutput, Login>;
export type NormalLogOutput = ElasticsearchOutput | LogstashOutput | NormalRedisOutput | NormalKafkaOutput;

export function normalizeOutput(name: string, given: LogOutput): NormalLogOutput {
  switch (given.type) {
    case "redis":
      return { key: name, database: 0, ...given };
    case "kafka":
      return { topic: name, mechanism: "SCRAM-SHA-512", ...given };
    default:
      return given;
  }
}

/** Kafka's rule for names of topics. */
const TOPIC = /^[a-zA-Z0-9._-]{1,249}$/;

export function checkOutput(checks: Checks, output: NormalLogOutput): void {
  const { endpoints } = output;
  checks.that(endpoints.length > 0, "output.endpoints", endpoints, "must name a server");
  if ("password" in output && output.password !== undefined) checkGivenSecret(checks, "output.password", output.password);
  if (output.type === "elasticsearch" || output.type === "kafka") {
    const { user, password } = output;
    checks.that(
      (user === undefined) === (password === undefined),
      "output.user",
      user,
      "must be given with a password, and a password with its user",
    );
  }
  if (output.type === "redis") {
    const { key, database } = output;
    checks
      .that(key !== "", "output.key", key, "must be the key of a list")
      .that(Number.isInteger(database) && database >= 0, "output.database", database, "must be a whole number from 0");
  }
  if (output.type === "kafka") {
    const { topic } = output;
    checks.that(TOPIC.test(topic), "output.topic", topic, "must be letters, digits, '.', '_' and '-'");
  }
}

/** Password of an output; undefined where it has none. */
export function passwordOf(output: NormalLogOutput): pulumi.Output<string> | undefined {
  return "password" in output ? output.password : undefined;
}
