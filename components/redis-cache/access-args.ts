import type * as pulumi from "@pulumi/pulumi";
import { anything, listOf, maybe, shape, text, texts } from "../core/argument-shape";
import type { Checks } from "../core/errors";
import { checkSecret } from "../core/secret";
import { OWN_USERS } from "./users-files";

export interface RedisUser {
  readonly name: string;

  /** Password, a secret. @default a generated one */
  readonly password?: pulumi.Output<string>;

  /** Patterns of the keys that the user may read and write, such as `goods:*`; one with `%R~` or `%W~` in front is for reading or writing alone. @default none */
  readonly keys?: readonly string[];

  /** Patterns of the channels that it may publish and subscribe to. @default none */
  readonly channels?: readonly string[];

  /** Commands as Redis' ACLs name them, in order: `+@read`, `+get`, `-flushall`. @default reading, writing, transactions, functions and Bloom filters; nothing dangerous */
  readonly commands?: readonly string[];

  /** Commands behind those, such as `+eval`, where the usual ones stay. @default none */
  readonly moreCommands?: readonly string[];
}

export type NormalRedisUser = Required<Omit<RedisUser, "password" | "moreCommands">> & Pick<RedisUser, "password">;

// A password in clear is told by its own check.
export const USERS = listOf(
  shape<RedisUser>({
    name: text,
    password: maybe(anything),
    keys: maybe(texts),
    channels: maybe(texts),
    commands: maybe(texts),
    moreCommands: maybe(texts),
  }),
);

/** What an application does; what looks into the server or changes it is left out. INFO and ROLE tell a client whether it speaks to the primary. */
const APPLICATION_COMMANDS = [
  "+@read",
  "+@write",
  "+@connection",
  "+@transaction",
  "+@pubsub",
  "+fcall",
  "+fcall_ro",
  "-@admin",
  "-@dangerous",
  // The functions are the component's.
  "-function",
  "+info",
  "+role",
  "+wait",
];

/** Names that need no care in a shell, a file or a log. */
const USER_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const PATTERN = /^[!-~]+$/;
const COMMAND = /^[+-](@?[a-z][a-z0-9_.-]*(\|[a-z0-9_-]+)?)$/i;

/** Fills in the defaults. @param bloom Whether the server has commands for Bloom filters. */
export function normalizeUsers(users: readonly RedisUser[], bloom: "functions" | "module"): NormalRedisUser[] {
  const usual = bloom === "module" ? [...APPLICATION_COMMANDS, "+@bloom"] : APPLICATION_COMMANDS;
  return users.map(({ keys = [], channels = [], commands = usual, moreCommands = [], ...given }) => ({
    ...given,
    keys: keys.map((pattern) => (pattern.startsWith("%") ? pattern : `~${pattern}`)),
    channels,
    commands: [...commands, ...moreCommands],
  }));
}

export function checkUsers(checks: Checks, users: readonly NormalRedisUser[]): void {
  users.forEach(({ name, password, keys, channels, commands }, index) => {
    const path = `users[${index}]`;
    checks
      .that(USER_PATTERN.test(name), `${path}.name`, name, "must be 1 to 64 letters, digits, '.', '_' and '-'")
      .that(name !== "default", `${path}.name`, name, "must not be default, as whom nobody can log in; choose another name")
      .that(
        !(OWN_USERS as readonly string[]).includes(name),
        `${path}.name`,
        name,
        "must be another one: the component's own parts log in as this user",
      )
      .that(
        users.findIndex((user) => user.name === name) === index,
        `${path}.name`,
        name,
        "must be its own; rename or remove the other user",
      );
    checkSecret(checks, `${path}.password`, password);
    for (const pattern of keys) {
      const holds = PATTERN.test(pattern) && /^(~|%(R|W|RW)~)./.test(pattern);
      checks.that(holds, `${path}.keys`, pattern, "must be a pattern without spaces, such as goods:*, with at most %R~ or %W~ in front");
    }
    for (const pattern of channels) checks.that(PATTERN.test(pattern), `${path}.channels`, pattern, "must be a pattern without spaces");
    for (const command of commands) {
      const remedy = "must be + or - and a command, subcommand or @category: +get, -config|set, +@read";
      checks.that(COMMAND.test(command), `${path}.commands`, command, remedy);
    }
  });
}
