import type { MysqlUser, RabbitmqUser, RedisUser } from "../index";

/** What a dump, the reading of the log and a restore take of the whole server; on databases the user has everything. */
const MYSQL_PRIVILEGES = [
  // For the moment of the dump, and the transactions that it has.
  "RELOAD",
  "PROCESS",
  "REPLICATION CLIENT",
  "REPLICATION SLAVE",
  "SHOW_ROUTINE",
  // For rows as they are in the log, and views and triggers that are somebody else's.
  "REPLICATION_APPLIER",
  "SESSION_VARIABLES_ADMIN",
  "SET_ANY_DEFINER",
  "ALLOW_NONEXISTENT_DEFINER",
];

/**
 * A user of a `MysqlReplicaSet` that can back up and bring back these databases, and nothing else.
 *
 * Where they have triggers or functions, the set needs the setting `log_bin_trust_function_creators: "ON"`; and nobody but root can make again what root
 * is the definer of. No set is taken of what could not be brought back, and the run says of what.
 */
export function mysqlBackupUser(name: string, databases: readonly string[]): MysqlUser {
  return {
    name,
    requireTls: true,
    grants: [{ privileges: MYSQL_PRIVILEGES, database: "*" }, ...databases.map((database) => ({ privileges: ["ALL"], database }))],
  };
}

/** A user of a `RedisCache` that can read all keys, write them, and look where the primary is. */
export function redisBackupUser(name: string): RedisUser {
  const commands = ["+@read", "+@write", "+@connection", "+@transaction", "+scan", "+restore", "+info", "+role"];
  return { name, keys: ["*"], commands };
}

/** A user of a `RabbitmqCluster` that can read and write definitions. */
export function rabbitmqBackupUser(name: string): RabbitmqUser {
  return { name, tags: ["administrator"] };
}
