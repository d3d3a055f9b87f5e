import type * as pulumi from "@pulumi/pulumi";
import { Shape, anything, listOf, maybe, named, number, shape, text, texts } from "../core/argument-shape";
import { Checks } from "../core/errors";
import { checkSecret } from "../core/secret";
import { OPERATOR } from "./rabbitmq-conf";

export interface RabbitmqUser {
  readonly name: string;

  /** Password, a secret. @default a generated one */
  readonly password?: pulumi.Output<string>;

  /** What the user may do on the management page. @default nothing */
  readonly tags?: readonly RabbitmqTag[];
}

export type RabbitmqTag = "management" | "policymaker" | "monitoring" | "administrator";

export interface RabbitmqPermission {
  readonly user: string;

  /** @default "/" */
  readonly vhost?: string;

  /** Regular expression of the queues and exchanges that the user may declare and delete. @default none */
  readonly configure?: string;

  /** Regular expression of those that it may publish to and bind. @default none */
  readonly write?: string;

  /** Regular expression of those that it may consume from. @default none */
  readonly read?: string;
}

export interface RabbitmqPolicy {
  readonly name: string;

  /** @default "/" */
  readonly vhost?: string;

  /** Regular expression of the queues or exchanges that it is for. */
  readonly pattern: string;

  /** @default "queues" */
  readonly applyTo?: "all" | "queues" | "classic_queues" | "quorum_queues" | "streams" | "exchanges";

  /** Higher ones win. @default 0 */
  readonly priority?: number;

  /** Keys as RabbitMQ calls them: `{ "message-ttl": 60000 }`. */
  readonly definition: Readonly<Record<string, string | number | boolean>>;
}

/** Who may do what, and how queues behave; all of it changes while the brokers run. */
export interface RabbitmqAccess {
  /** @default none but the component's own */
  users?: readonly RabbitmqUser[];

  /** Virtual hosts; one with queues in it is not removed. @default ["/"] */
  vhosts?: readonly string[];

  /** @default none */
  permissions?: readonly RabbitmqPermission[];

  /** @default none */
  policies?: readonly RabbitmqPolicy[];
}

/** Names and types of a {@link RabbitmqAccess}. */
export const ACCESS: Shape<RabbitmqAccess> = {
  // A password in clear is told by its own check.
  users: maybe(listOf(shape<RabbitmqUser>({ name: text, password: maybe(anything), tags: maybe(texts) }))),
  vhosts: maybe(texts),
  permissions: maybe(
    listOf(shape<RabbitmqPermission>({ user: text, vhost: maybe(text), configure: maybe(text), write: maybe(text), read: maybe(text) })),
  ),
  policies: maybe(
    listOf(
      shape<RabbitmqPolicy>({
        name: text,
        vhost: maybe(text),
        pattern: text,
        applyTo: maybe(text),
        priority: maybe(number),
        definition: named(anything),
      }),
    ),
  ),
};

type NormalUser = Required<Omit<RabbitmqUser, "password">> & Pick<RabbitmqUser, "password">;
export interface NormalRabbitmqAccess {
  readonly users: readonly NormalUser[];
  readonly vhosts: readonly string[];
  readonly permissions: readonly Required<RabbitmqPermission>[];
  readonly policies: readonly Required<RabbitmqPolicy>[];
}

const TAGS = ["management", "policymaker", "monitoring", "administrator"];
const APPLY_TO = ["all", "queues", "classic_queues", "quorum_queues", "streams", "exchanges"];
/** Names that need no care in a shell, a URL's path or a log. */
const USER_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** Fills in the defaults. */
export function normalizeAccess({ users = [], vhosts = ["/"], permissions = [], policies = [] }: RabbitmqAccess): NormalRabbitmqAccess {
  return {
    users: users.map(({ tags = [], ...given }) => ({ ...given, tags })),
    vhosts,
    permissions: permissions.map(({ vhost = "/", configure = "^$", write = "^$", read = "^$", user }) => ({
      user,
      vhost,
      configure,
      write,
      read,
    })),
    policies: policies.map(({ vhost = "/", applyTo = "queues", priority = 0, ...given }) => ({ ...given, vhost, applyTo, priority })),
  };
}

export function checkAccess(checks: Checks, { users, vhosts, permissions, policies }: NormalRabbitmqAccess): void {
  checkUsers(checks, users);
  vhosts.forEach((vhost, index) =>
    checks
      .that(/^[!-~]{1,255}$/.test(vhost), `vhosts[${index}]`, vhost, "must be 1 to 255 characters of ASCII without spaces")
      .that(vhosts.indexOf(vhost) === index, `vhosts[${index}]`, vhost, "must be there once; remove the other one"),
  );
  checkPermissions(checks, permissions, users, vhosts);
  checkPolicies(checks, policies, vhosts);
}

function checkUsers(checks: Checks, users: NormalRabbitmqAccess["users"]): void {
  users.forEach(({ name, password, tags }, index) => {
    const path = `users[${index}]`;
    checks
      .that(USER_PATTERN.test(name), `${path}.name`, name, "must be 1 to 64 letters, digits, '.', '_' and '-'")
      .that(
        name !== "guest",
        `${path}.name`,
        name,
        "must not be guest, whose password everybody knows and which is removed; choose another name",
      )
      .that(name !== OPERATOR, `${path}.name`, name, "must be another one: the component itself speaks to the brokers as this user")
      .that(
        users.findIndex((user) => user.name === name) === index,
        `${path}.name`,
        name,
        "must be its own; rename or remove the other user",
      );
    checkSecret(checks, `${path}.password`, password);
    for (const tag of tags) checks.that(TAGS.includes(tag), `${path}.tags`, tag, `must be of ${TAGS.join(", ")}`);
  });
}

function checkPermissions(
  checks: Checks,
  permissions: NormalRabbitmqAccess["permissions"],
  users: NormalRabbitmqAccess["users"],
  vhosts: readonly string[],
): void {
  permissions.forEach(({ user, vhost, configure, write, read }, index) => {
    const path = `permissions[${index}]`;
    const first = permissions.findIndex((other) => other.user === user && other.vhost === vhost);
    checks
      .that(
        users.some(({ name }) => name === user),
        `${path}.user`,
        user,
        `must be one of users; there are ${users.map(({ name }) => name).join(", ") || "none"}`,
      )
      .that(vhosts.includes(vhost), `${path}.vhost`, vhost, `must be one of vhosts; there are ${vhosts.join(", ")}`)
      .that(first === index, path, `${user} on ${vhost}`, `must be one for each user and vhost; join it with permissions[${first}]`);
    for (const [key, pattern] of Object.entries({ configure, write, read })) checkPattern(checks, `${path}.${key}`, pattern);
  });
}

function checkPolicies(checks: Checks, policies: NormalRabbitmqAccess["policies"], vhosts: readonly string[]): void {
  policies.forEach(({ name, vhost, pattern, applyTo, priority, definition }, index) => {
    const path = `policies[${index}]`;
    const first = policies.findIndex((other) => other.name === name && other.vhost === vhost);
    checks
      .that(/^[!-~]{1,255}$/.test(name), `${path}.name`, name, "must be 1 to 255 characters of ASCII without spaces")
      .that(first === index, `${path}.name`, name, `must be its own on its vhost, but policies[${first}] has it; rename one of them`)
      .that(vhosts.includes(vhost), `${path}.vhost`, vhost, `must be one of vhosts; there are ${vhosts.join(", ")}`)
      .that(APPLY_TO.includes(applyTo), `${path}.applyTo`, applyTo, `must be one of ${APPLY_TO.join(", ")}`)
      .that(Number.isInteger(priority), `${path}.priority`, priority, "must be a whole number")
      .that(Object.keys(definition).length > 0, `${path}.definition`, definition, 'must set something, such as { "message-ttl": 60000 }');
    checkPattern(checks, `${path}.pattern`, pattern);
    for (const [key, value] of Object.entries(definition)) checkDefinition(checks, `${path}.definition.${key}`, key, value);
  });
}

/** What a key means is the broker's to know, since its plugins have keys of their own. */
function checkDefinition(checks: Checks, path: string, key: string, value: unknown): void {
  checks
    .that(/^[a-z]+(-[a-z]+)*$/.test(key), path, key, "must be a key of RabbitMQ's, in lower case with hyphens, such as message-ttl")
    .that(
      !key.startsWith("ha-"),
      path,
      key,
      "must be left out: RabbitMQ 4 mirrors no classic queues; quorum queues are replicated without it",
    )
    .that(["string", "number", "boolean"].includes(typeof value), path, value, "must be a string, a number, true or false");
}

function checkPattern(checks: Checks, path: string, pattern: string): void {
  checks.that(isRegularExpression(pattern), path, pattern, "must be a regular expression; a plain name is ^name$ with its dots escaped");
}

/** RabbitMQ's are PCRE, which has flags in front that JavaScript has not: `(?i)^orders`. */
function isRegularExpression(pattern: string): boolean {
  try {
    new RegExp(pattern.replace(/^\(\?[imsx]+\)/, ""));
    return true;
  } catch {
    return false;
  }
}
