import type { Endpoint } from "../core/endpoint";

export const BACKUP_CONFIG_PATH = "/etc/backup";
const CURRENT = `${BACKUP_CONFIG_PATH}/current`;
export const BACKUP_FILES = {
  settings: "backup.json",
  mysqlPassword: "mysql-password",
  redisPassword: "redis-password",
  rabbitmqPassword: "rabbitmq-password",
  bucketSecretKey: "bucket-secret-key",
} as const;

/** Where the service finds its target where that is a volume or a folder, and the folder of snapshots. */
export const BACKUP_DATA_PATH = "/var/lib/backup";
export const BACKUP_SNAPSHOTS_PATH = "/var/lib/elasticsearch-snapshots";
/** In memory: what the processes in the container tell each other. */
const RUN_PATH = "/run/backup";

/** What the service depends on. */
export interface BackupSettings {
  readonly stack: string;
  readonly schedule: string;
  readonly keep: number;
  readonly binlogSeconds: number;
  readonly target:
    | { readonly type: "volume" | "folder" }
    | {
        readonly type: "bucket";
        readonly endpoint: string;
        readonly bucket: string;
        readonly prefix: string;
        readonly region: string;
        readonly accessKey: string;
      };
  /** What people know a target by that is no bucket: in the container it is at another path. */
  readonly place: string;
  /** Number that MySQL's servers know the reader of their log by. */
  readonly serverId: number;
  readonly mysql?: { readonly endpoints: readonly Endpoint[]; readonly user: string };
  readonly consul?: { readonly endpoints: readonly Endpoint[]; readonly exclude: readonly string[] };
  readonly redis?: { readonly endpoints: readonly Endpoint[]; readonly user: string; readonly derived: readonly string[] };
  readonly rabbitmq?: { readonly endpoints: readonly Endpoint[]; readonly user: string };
  readonly elasticsearch?: {
    readonly endpoints: readonly Endpoint[];
    readonly exclude: readonly string[];
    readonly snapshots: { readonly mount: { readonly path: string } };
  };
}

/** What the service reads when it starts, and each of its commands. */
export function renderBackupSettings({
  stack,
  schedule,
  keep,
  binlogSeconds,
  target,
  place,
  serverId,
  ...systems
}: BackupSettings): string {
  const { mysql, consul, redis, rabbitmq, elasticsearch } = systems;
  const urls = (endpoints: readonly Endpoint[]) => endpoints.map((endpoint) => endpoint.url("http"));
  const settings = {
    stack,
    schedule,
    keep,
    binlogSeconds,
    target: renderTarget(target, place),
    ...(mysql && { mysql: { servers: mysql.endpoints.map(String), user: mysql.user, serverId } }),
    ...(consul && { consul: { servers: urls(consul.endpoints), exclude: consul.exclude } }),
    ...(redis && { redis: { servers: redis.endpoints.map(String), user: redis.user, derived: redis.derived } }),
    ...(rabbitmq && { rabbitmq: { servers: urls(rabbitmq.endpoints), user: rabbitmq.user } }),
    ...(elasticsearch && {
      elasticsearch: {
        nodes: urls(elasticsearch.endpoints),
        exclude: elasticsearch.exclude,
        location: elasticsearch.snapshots.mount.path,
        folder: BACKUP_SNAPSHOTS_PATH,
      },
    }),
  };
  return `${JSON.stringify(settings, undefined, 2)}\n`;
}

function renderTarget(target: BackupSettings["target"], place: string): object {
  if (target.type !== "bucket") return { folder: BACKUP_DATA_PATH, place };
  const { endpoint, bucket, prefix, region, accessKey } = target;
  return { bucket: { endpoint, name: bucket, prefix, region, accessKey } };
}

/** What is writable in memory: logins for MySQL's clients, and what the processes tell each other. */
export function backupTmpfs(user: string): Record<string, string> {
  const [uid, gid] = user.split(":");
  return {
    "/tmp": "rw,noexec,nosuid,nodev,size=16m",
    [RUN_PATH]: `rw,noexec,nosuid,nodev,size=4m,uid=${uid},gid=${gid},mode=0700`,
  };
}

export function backupCommand(): string[] {
  return ["backup", "run", `${CURRENT}/${BACKUP_FILES.settings}`];
}

/** Asks whether the service runs; how its runs went is told by `backup last`. */
export function backupProbe(): string[] {
  return ["backup", "probe"];
}

/** Asks the target and every system, with the login that a run has; it says which refuses, and why. */
export function wholeCommand(): string[] {
  return ["backup", "whole"];
}

export function settingsCheck(folder: string): string[] {
  return ["backup", "check", `${folder}/${BACKUP_FILES.settings}`];
}
