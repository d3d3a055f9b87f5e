import { createHash } from "node:crypto";
import type { NormalRabbitmqAccess } from "./access-args";
import { OPERATOR } from "./rabbitmq-conf";

/** The access that is declared, with the password of every user and of the component's own. */
export interface Credentials {
  /** What the salts of the passwords' hashes are made from: random, and always the same, or every `up` would change every hash. */
  readonly salt: string;
  readonly passwords: Readonly<Record<string, string>>;
}

const EVERYTHING = { configure: ".*", write: ".*", read: ".*" };

/** All of it as RabbitMQ imports it, when a broker starts and over the API while it runs. */
export function renderDefinitions(
  { users, vhosts, permissions, policies }: NormalRabbitmqAccess,
  { salt, passwords }: Credentials,
): string {
  const withHash = (name: string, tags: readonly string[]) => ({
    name,
    password_hash: hashPassword(passwords[name] ?? "", saltOf(salt, name)),
    hashing_algorithm: "rabbit_password_hashing_sha256",
    tags,
  });
  const definitions = {
    users: [withHash(OPERATOR, ["administrator"]), ...users.map(({ name, tags }) => withHash(name, tags))],
    vhosts: vhosts.map((name) => ({ name, default_queue_type: "quorum" })),
    permissions: [...vhosts.map((vhost) => ({ user: OPERATOR, vhost, ...EVERYTHING })), ...permissions],
    policies: policies.map(({ applyTo, ...policy }) => ({ ...policy, "apply-to": applyTo })),
  };
  return `${JSON.stringify(definitions, null, 2)}\n`;
}

/**
 * Paths of the management API under which each thing that is declared is found, in the order in which they can be removed.
 *
 * They hold neither spaces nor quotes.
 */
export function managedPaths({ users, vhosts, permissions, policies }: NormalRabbitmqAccess): string[] {
  const path = (...parts: string[]) => parts.map(encodeSegment).join("/");
  return [
    ...permissions.map(({ vhost, user }) => path("permissions", vhost, user)),
    ...policies.map(({ vhost, name }) => path("policies", vhost, name)),
    ...users.map(({ name }) => path("users", name)),
    ...vhosts.map((vhost) => path("vhosts", vhost)),
  ];
}

/** RabbitMQ's `rabbit_password_hashing_sha256`: four bytes of salt, then the digest of salt and password. */
export function hashPassword(password: string, salt: Buffer): string {
  return Buffer.concat([salt, createHash("sha256").update(salt).update(password).digest()]).toString("base64");
}

function saltOf(salt: string, user: string): Buffer {
  return createHash("sha256").update(`${salt}\0${user}`).digest().subarray(0, 4);
}

/** Also of what `encodeURIComponent` leaves and a shell does not. */
function encodeSegment(segment: string): string {
  return encodeURIComponent(segment).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
}
