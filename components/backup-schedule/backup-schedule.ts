import * as pulumi from "@pulumi/pulumi";
import { digestOfText } from "../core/digest";
import { healthCondition } from "../core/gate";
import type { ConfigFile } from "../core/live-config";
import { engineName, nameOnEngines, stackId } from "../core/naming";
import { RollingNode, RollingSet } from "../core/rolling-set";
import { secretOnly } from "../core/secret";
import type { HostMount, Mount } from "../core/service-container";
import { BackupScheduleArgs, NormalBackupScheduleArgs, normalizeBackupScheduleArgs } from "./args";
import {
  BACKUP_CONFIG_PATH,
  BACKUP_DATA_PATH,
  BACKUP_FILES,
  BACKUP_SNAPSHOTS_PATH,
  backupCommand,
  backupProbe,
  backupTmpfs,
  renderBackupSettings,
  settingsCheck,
  wholeCommand,
} from "./backup-files";

/**
 * A service that takes sets of what other systems hold, by a schedule, and brings them back: MySQL with its binary log, so that rows can be
 * taken to any moment between; Consul's keys, Redis' keys, RabbitMQ's definitions, and indices of Elasticsearch.
 *
 * A set is there whole or not at all, with the versions and the digests of its parts. `npm run backup` takes one at once, `npm run restore`
 * brings one back, into the stack that it is of or another one; users and passwords stay those of the stack.
 *
 * @example
 * const mysql = new MysqlReplicaSet("mysql", { network, databases: ["shop"], users: [mysqlBackupUser("backup", ["shop"])] });
 * new BackupSchedule("backup", {
 *   network,
 *   schedule: "0 3 * * *",
 *   keep: 14,
 *   target: { type: "bucket", endpoint: "https://s3.example.org", bucket: "backups", accessKey: "…", secretKey: config.requireSecret("key") },
 *   mysql: { endpoints: mysql.endpoints, user: "backup", password: mysql.password("backup") },
 *   consul: { endpoints: discovery.endpoints },
 * });
 */
export class BackupSchedule extends pulumi.ComponentResource {
  constructor(resourceName: string, args: BackupScheduleArgs, opts?: pulumi.ComponentResourceOptions) {
    super("dockyard:index:BackupSchedule", resourceName, {}, opts);
    const name = nameOnEngines(resourceName, opts);
    const backup = normalizeBackupScheduleArgs(name, args);

    createService(name, backup, { parent: this });

    this.registerOutputs({ servers: serversOf(backup) });
  }
}

function createService(name: string, backup: NormalBackupScheduleArgs, opts: pulumi.ComponentResourceOptions): RollingSet {
  const { elasticsearch, allowDataLoss } = backup;
  const after = elasticsearch ? [elasticsearch.snapshots.ready] : [];
  return new RollingSet(`${name}-service`, { component: name, nodes: [serviceNode(name, backup)], after, allowDataLoss }, opts);
}

function serviceNode(name: string, backup: NormalBackupScheduleArgs): RollingNode {
  const { network, placement, target, image, user, memoryMiB, cpus, transform } = backup;
  const node = `${name}-1`;
  const place = target.type === "folder" ? target.path : `the volume ${engineName(`${node}-data`)}`;
  const settings = renderBackupSettings({ ...backup, stack: stackId(), place, serverId: serverIdOf(`${stackId()}/${name}`) });
  return {
    name: node,
    host: placement.hostFor(0),
    ...(target.type === "volume" && { dataPath: BACKUP_DATA_PATH }),
    config: {
      mountPath: BACKUP_CONFIG_PATH,
      files: [{ path: BACKUP_FILES.settings, content: settings }, ...secretFiles(name, backup)],
      check: settingsCheck,
    },
    container: {
      network,
      address: network.addressesOf(name, 1)[0] ?? "",
      image,
      user,
      memoryMiB,
      cpus,
      transform,
      command: backupCommand(),
      // What is collected is collected before the limit is met.
      environment: { GOMEMLIMIT: `${Math.floor(memoryMiB * 0.6)}MiB` },
      startConfiguration: digestOfText([settings]),
      mounts: snapshotsMount(backup),
      hostMounts: targetMount(backup),
      tmpfs: backupTmpfs(user),
      health: { command: backupProbe(), timeoutSeconds: 5, startPeriodSeconds: 30 },
      // What it has begun is taken away.
      stopGraceSeconds: 30,
    },
    whole: healthCondition(engineName(node), wholeCommand()),
    // The systems that it asks may be forming yet.
    gateTimeoutSeconds: 300,
  };
}

/** Another one is read when it is needed next: a rotated password replaces nothing. */
function secretFiles(name: string, { mysql, redis, rabbitmq, target }: NormalBackupScheduleArgs): ConfigFile[] {
  const secrets = [
    { path: BACKUP_FILES.mysqlPassword, of: "mysql.password", secret: mysql?.password },
    { path: BACKUP_FILES.redisPassword, of: "redis.password", secret: redis?.password },
    { path: BACKUP_FILES.rabbitmqPassword, of: "rabbitmq.password", secret: rabbitmq?.password },
    { path: BACKUP_FILES.bucketSecretKey, of: "target.secretKey", secret: target.type === "bucket" ? target.secretKey : undefined },
  ];
  return secrets.flatMap(({ path, of, secret }) =>
    secret === undefined ? [] : [{ path, content: secretOnly(`${name}.${of}`, secret), mode: "0400" }],
  );
}

function snapshotsMount({ elasticsearch }: NormalBackupScheduleArgs): Mount[] {
  return elasticsearch ? [{ volume: elasticsearch.snapshots.mount.volume, path: BACKUP_SNAPSHOTS_PATH }] : [];
}

function targetMount({ target }: NormalBackupScheduleArgs): HostMount[] {
  if (target.type !== "folder") return [];
  return [{ hostPath: target.path, path: BACKUP_DATA_PATH, writable: true, reason: "sets are kept in it, beyond the reach of the stack" }];
}

/**
 * A number that servers know a reader of their log by, above those that people give: two of the same number cut each other off.
 *
 * @param identity What is unique to it.
 */
function serverIdOf(identity: string): number {
  return 0x8000_0000 + (Number.parseInt(digestOfText([identity]).slice(0, 8), 16) % 0x7fff_0000);
}

/** Whom the backup reads, as `host:port`: its configuration is a secret. */
function serversOf({ mysql, consul, redis, rabbitmq, elasticsearch }: NormalBackupScheduleArgs): string[] {
  return [mysql, consul, redis, rabbitmq, elasticsearch].flatMap((system) => system?.endpoints ?? []).map(String);
}
