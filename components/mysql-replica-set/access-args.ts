import type * as pulumi from "@pulumi/pulumi";
import { Shape, anything, flag, listOf, maybe, shape, text, texts } from "../core/argument-shape";
import { Checks } from "../core/errors";
import { checkSecret } from "../core/secret";

export interface MysqlGrant {
  /** As MySQL calls them: `SELECT`, `INSERT`, `REPLICATION SLAVE`. */
  readonly privileges: readonly string[];

  /** A database, or `*` for all, with which alone privileges of the whole server go. */
  readonly database: string;

  /** A table, or `*` for all. @default "*" */
  readonly table?: string;
}

export interface MysqlUser {
  readonly name: string;

  /** Password, a secret. @default a generated one */
  readonly password?: pulumi.Output<string>;

  /** What the user may do. @default nothing but log in */
  readonly grants?: readonly MysqlGrant[];

  /** Whether connections without TLS are refused. @default false */
  readonly requireTls?: boolean;
}

/** Names and types of a {@link MysqlUser}. A password in clear is told by its own check. */
export const MYSQL_USER = shape<MysqlUser>({
  name: text,
  password: maybe(anything),
  grants: maybe(listOf(shape<MysqlGrant>({ privileges: texts, database: text, table: maybe(text) } satisfies Shape<MysqlGrant>))),
  requireTls: maybe(flag),
});

export type NormalMysqlUser = Required<Omit<MysqlUser, "password" | "grants">> &
  Pick<MysqlUser, "password"> & { readonly grants: readonly Required<MysqlGrant>[] };

/** Accounts that the server and the component have for themselves. */
const RESERVED = ["root", "repl", "mysql.sys", "mysql.session", "mysql.infoschema", "event_scheduler"];
/** Databases that the server and the component have for themselves. */
const OWN_DATABASES = ["mysql", "sys", "information_schema", "performance_schema", "dockyard"];
/** MySQL takes more, but not without quotes everywhere. */
const NAME = /^[A-Za-z][A-Za-z0-9_]{0,63}$/;
/** At most 32 characters, MySQL Reference Manual, "Account Names". */
const USER_NAME = /^[A-Za-z][A-Za-z0-9_.-]{0,31}$/;
const PRIVILEGE = /^[A-Z][A-Z_]*( [A-Z_]+)*$/;

export function normalizeMysqlUsers(users: readonly MysqlUser[]): readonly NormalMysqlUser[] {
  return users.map(({ grants = [], requireTls = false, ...given }) => ({
    ...given,
    requireTls,
    grants: grants.map(({ table = "*", ...grant }) => ({ ...grant, table })),
  }));
}

export function checkAccess(checks: Checks, databases: readonly string[], users: readonly NormalMysqlUser[]): void {
  databases.forEach((database, index) => {
    const path = `databases[${index}]`;
    checks
      .that(NAME.test(database), path, database, "must be 1 to 64 letters, digits and '_', a letter first")
      .that(!OWN_DATABASES.includes(database.toLowerCase()), path, database, "must be another one: the server has it for itself")
      .that(databases.indexOf(database) === index, path, database, "must be there once; remove the other one");
  });
  users.forEach(({ name, password, grants }, index) => {
    const path = `users[${index}]`;
    checks
      .that(USER_NAME.test(name), `${path}.name`, name, "must be 1 to 32 letters, digits, '.', '_' and '-', a letter first")
      .that(!RESERVED.includes(name), `${path}.name`, name, `must be another one than ${RESERVED.join(", ")}, which are the server's own`)
      .that(
        users.findIndex((user) => user.name === name) === index,
        `${path}.name`,
        name,
        "must be its own; rename or remove the other user",
      );
    checkSecret(checks, `${path}.password`, password);
    grants.forEach((grant, at) => checkGrant(checks, `${path}.grants[${at}]`, grant, databases));
  });
}

function checkGrant(
  checks: Checks,
  path: string,
  { privileges, database, table }: Required<MysqlGrant>,
  databases: readonly string[],
): void {
  checks
    .that(privileges.length > 0, `${path}.privileges`, privileges, 'must name some, such as ["SELECT"]')
    .that(
      database === "*" || databases.includes(database),
      `${path}.database`,
      database,
      `must be one of databases, or * for all; there are ${databases.join(", ") || "none"}`,
    )
    .that(table === "*" || (database !== "*" && NAME.test(table)), `${path}.table`, table, "must be a table of one database, or * for all");
  for (const privilege of privileges) {
    checks
      .that(PRIVILEGE.test(privilege), `${path}.privileges`, privilege, "must be a privilege as MySQL writes it, in capitals: SELECT")
      .that(
        !["SUPER", "ALL PRIVILEGES", "GRANT OPTION", "SYSTEM_VARIABLES_ADMIN", "CONNECTION_ADMIN"].includes(privilege),
        `${path}.privileges`,
        privilege,
        "must be left out: who has it can write to replicas, or undo what keeps the set together; ALL on one database is as far as it goes",
      )
      .that(privilege !== "ALL" || database !== "*", `${path}.privileges`, privilege, "must be of one database, not of all");
  }
}
