import type * as pulumi from "@pulumi/pulumi";
import { Shape, anything, flag, listOf, maybe, oneOf, shape, text } from "../core/argument-shape";
import { Checks } from "../core/errors";
import { checkSecret } from "../core/secret";
import { OWN_USER } from "./kafka-conf";

export interface KafkaUser {
  readonly name: string;

  /** Password, a secret. @default a generated one */
  readonly password?: pulumi.Output<string>;
}

/** What a user may do with topics, consumer groups or transactions: with one of the three, by name. */
export interface KafkaAcl {
  readonly user: string;
  readonly topic?: string;
  readonly group?: string;
  readonly transactionalId?: string;

  /** Whether it is about all whose names begin so. @default false */
  readonly prefixed?: boolean;
  readonly operations: readonly KafkaOperation[];
}

export const KAFKA_OPERATIONS = [
  "all",
  "read",
  "write",
  "create",
  "delete",
  "alter",
  "describe",
  "describe-configs",
  "alter-configs",
] as const;
export type KafkaOperation = (typeof KAFKA_OPERATIONS)[number];

// A password in clear is told by its own check.
export const USERS = listOf(shape<KafkaUser>({ name: text, password: maybe(anything) } satisfies Shape<KafkaUser>));
export const ACLS = listOf(
  shape<KafkaAcl>({
    user: text,
    topic: maybe(text),
    group: maybe(text),
    transactionalId: maybe(text),
    prefixed: maybe(flag),
    operations: listOf(oneOf(KAFKA_OPERATIONS)),
  }),
);

/** One right, as kafka-admin takes it. */
export interface NormalKafkaAcl {
  readonly user: string;
  readonly resource: "topic" | "group" | "transactional-id";
  readonly name: string;
  readonly pattern: "literal" | "prefixed";
  readonly operation: KafkaOperation;
}

const RESOURCES = [
  ["topic", "topic"],
  ["group", "group"],
  ["transactionalId", "transactional-id"],
] as const;

export function normalizeAcls(acls: readonly KafkaAcl[]): readonly NormalKafkaAcl[] {
  const rights = acls.flatMap((acl) =>
    RESOURCES.flatMap(([property, resource]) => {
      const name = acl[property];
      if (name === undefined) return [];
      const pattern = acl.prefixed === true ? ("prefixed" as const) : ("literal" as const);
      return acl.operations.map((operation) => ({ user: acl.user, resource, name, pattern, operation }));
    }),
  );
  return [...new Map(rights.map((right) => [JSON.stringify(right), right])).values()];
}

/** Names that need no care in a shell, a file or a log. */
const USER_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

export function checkAccess(checks: Checks, users: readonly KafkaUser[], acls: readonly KafkaAcl[]): void {
  users.forEach(({ name, password }, index) => {
    const path = `users[${index}]`;
    checks
      .that(USER_PATTERN.test(name), `${path}.name`, name, "must be 1 to 64 letters, digits, '.', '_' and '-'")
      .that(name !== OWN_USER, `${path}.name`, name, "must be another one: the component's own parts log in as this user")
      .that(
        users.findIndex((user) => user.name === name) === index,
        `${path}.name`,
        name,
        "must be its own; rename or remove the other user",
      );
    checkSecret(checks, `${path}.password`, password);
  });
  acls.forEach((acl, index) => {
    const path = `acls[${index}]`;
    const named = RESOURCES.flatMap(([property]) => acl[property] ?? []);
    checks
      .that(
        users.some(({ name }) => name === acl.user),
        `${path}.user`,
        acl.user,
        `must be one of users: ${users.map(({ name }) => name).join(", ") || "there are none"}`,
      )
      .that(named.length === 1 && named[0] !== "", path, acl, "must name one topic, group or transactionalId; write an entry for each")
      .that(acl.operations.length > 0, `${path}.operations`, acl.operations, `must name some of ${KAFKA_OPERATIONS.join(", ")}`);
  });
}
