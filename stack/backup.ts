import {
  BackupSchedule,
  type ConsulCluster,
  type EsCluster,
  type MysqlReplicaSet,
  type MysqlUser,
  type RabbitmqCluster,
  type RabbitmqUser,
  type RedisCache,
  type RedisUser,
  type ServiceNetwork,
  mysqlBackupUser,
  rabbitmqBackupUser,
  redisBackupUser,
} from "../components";
import type { StackConfig } from "./config";

const USER = "backup";

/** What of the stack holds data. */
export interface BackedUp {
  readonly network: ServiceNetwork;
  readonly discovery: ConsulCluster;
  readonly queue: RabbitmqCluster | undefined;
  readonly mysql: MysqlReplicaSet | undefined;
  readonly cache: RedisCache | undefined;
  readonly search: EsCluster | undefined;
}

/** The users that take backups; none where none are taken. */
export function backupUsers({ backup }: StackConfig): { mysql: MysqlUser[]; redis: RedisUser[]; rabbitmq: RabbitmqUser[] } {
  if (!isBackedUp(backup)) return { mysql: [], redis: [], rabbitmq: [] };
  return { mysql: [mysqlBackupUser(USER, ["shop"])], redis: [redisBackupUser(USER)], rabbitmq: [rabbitmqBackupUser(USER)] };
}

function isBackedUp(backup: StackConfig["backup"]): boolean {
  return Object.keys(backup).length > 0;
}

export function createBackup({ network, discovery, queue, mysql, cache, search }: BackedUp, config: StackConfig): void {
  const { folder, ...given } = config.backup;
  if (!isBackedUp(config.backup)) return;
  new BackupSchedule("backup", {
    network,
    ...given,
    ...(folder !== undefined && { target: { type: "folder", path: folder } }),
    consul: { endpoints: discovery.endpoints },
    ...(mysql && { mysql: { endpoints: mysql.endpoints, user: USER, password: mysql.password(USER) } }),
    // Goods are read from the database anew, and so is which of them there are.
    ...(cache && {
      redis: {
        endpoints: cache.endpoints,
        user: USER,
        password: cache.password(USER),
        derived: ["goods:item:*", "goods:filled", "goods:filling"],
      },
    }),
    ...(queue && { rabbitmq: { endpoints: queue.api, user: USER, password: queue.password(USER) } }),
    // Goods follow the database's log; lines of logs that came since are worth more than a restore of the older ones.
    ...(search?.snapshots && {
      elasticsearch: {
        endpoints: search.endpoints,
        snapshots: search.snapshots,
        exclude: ["goods", "*-position", "nginx-access-log-*", "container-log-*"],
      },
    }),
    allowDataLoss: config.allowDataLoss,
  });
}
