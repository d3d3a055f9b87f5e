/** What one node's configuration depends on. */
export interface MyCnf {
  readonly serverId: number;

  /** Address that the node tells others as its own. */
  readonly address: string;

  /** Memory limit of the container in MiB. */
  readonly memoryMiB: number;

  /** Settings beside or instead of those that follow from the limit. */
  readonly settings: Readonly<Record<string, string | number>>;
}

export const MYSQL_PORT = 3306;
export const MYSQL_DATA_PATH = "/var/lib/mysql";
export const MYSQL_RUN_PATH = "/run/mysqld";

/** What a set depends on, and the keeper with it. */
function ownSettings({ serverId, address }: MyCnf): Record<string, string | number> {
  return {
    datadir: `${MYSQL_DATA_PATH}/data`,
    socket: `${MYSQL_RUN_PATH}/mysqld.sock`,
    pid_file: `${MYSQL_RUN_PATH}/mysqld.pid`,
    port: MYSQL_PORT,
    server_id: serverId,
    report_host: address,
    // By itself a server takes no writes and follows nobody: the keeper says which it may.
    super_read_only: "ON",
    skip_replica_start: "ON",
    gtid_mode: "ON",
    enforce_gtid_consistency: "ON",
    log_bin: "binlog",
    // Whole rows, with the names of their columns, for who follows the log.
    binlog_format: "ROW",
    binlog_row_image: "FULL",
    binlog_row_value_options: "",
    binlog_row_metadata: "FULL",
    // What was told to be done is on the disk after a crash, and so is what was received: a replica that acknowledged it must not forget it.
    sync_binlog: 1,
    innodb_flush_log_at_trx_commit: 1,
    sync_relay_log: 1,
    relay_log_recovery: "OFF",
    replica_preserve_commit_order: "ON",
    plugin_load_add: "auth_socket.so;mysql_clone.so;semisync_source.so;semisync_replica.so",
    // Not known yet while an empty database is made, which loads no plugin.
    loose_rpl_semi_sync_replica_enabled: "ON",
    // The longest that it takes, 49 days: nobody is told that a commit is done because its wait was over.
    loose_rpl_semi_sync_source_timeout: HIGHEST_MILLISECONDS,
    loose_rpl_semi_sync_source_wait_no_replica: "ON",
    // A commit is seen by nobody before a replica has it.
    loose_rpl_semi_sync_source_wait_point: "AFTER_SYNC",
    mysqlx: "OFF",
    secure_file_priv: "NULL",
    local_infile: "OFF",
  };
}

const HIGHEST_MILLISECONDS = 2 ** 32 - 1;

/** Names of the settings that are the component's own. */
export const OWNED_SETTINGS: readonly string[] = Object.keys(ownSettings({ serverId: 1, address: "", memoryMiB: 0, settings: {} })).map(
  (key) => key.replace(/^loose_/, ""),
);

/** Share of the memory limit that the buffer pool takes at most; connections, temporary tables and the dictionary need the rest. */
const POOL_SHARE = 0.5;
/** What the pool leaves of a small limit, in MiB: the server takes some 240 beside it, 40 while its data is copied, and each connection its part. */
const LEFT_BY_POOL_MIB = 384;
/** Memory for one connection at work, in MiB: its buffers and a temporary table. */
const CONNECTION_MIB = 4;
/** Memory that the server takes beside its pool and its connections, in MiB. */
const BASE_MIB = 250;
/** Limit from which on the server's own defaults are affordable: they take 490 MiB before a page is read. */
const AMPLE_MIB = 2048;

function sizedSettings(memoryMiB: number): Record<string, string | number> {
  const pool = Math.min(Math.floor(memoryMiB * POOL_SHARE), memoryMiB - LEFT_BY_POOL_MIB);
  const connections = Math.min(Math.max(Math.floor((memoryMiB - pool - BASE_MIB) / CONNECTION_MIB), 50), 5000);
  return {
    innodb_buffer_pool_size: `${pool}M`,
    // As much log as half of the pool, so that checkpoints come seldom: between 100 MiB and 8 GiB.
    innodb_redo_log_capacity: `${Math.min(Math.max(Math.floor(pool / 2), 100), 8192)}M`,
    max_connections: connections,
    // A week: a replica that was away for longer is copied anew.
    binlog_expire_logs_seconds: 604_800,
    log_error_verbosity: 2,
    ...(memoryMiB < AMPLE_MIB && modestSettings(connections)),
  };
}

/** What is kept small beside a small pool: the log's buffer, and tables of figures that are sized for thousands of clients. */
function modestSettings(connections: number): Record<string, string | number> {
  return {
    innodb_log_buffer_size: "16M",
    table_open_cache: 400,
    // Every connection and the server's own threads: the keeper finds those there that it has to end.
    performance_schema_max_thread_instances: connections + 100,
    performance_schema_digests_size: 1000,
    performance_schema_events_statements_history_long_size: 1000,
    performance_schema_error_size: 0,
    performance_schema_accounts_size: 30,
    performance_schema_hosts_size: 30,
    performance_schema_users_size: 30,
  };
}

/** The server reads all of it when it starts, and only then. */
export function renderMyCnf(config: MyCnf): string {
  const given = Object.fromEntries(Object.entries(config.settings).map(([key, value]) => [key.replaceAll("-", "_"), value]));
  const settings = { ...ownSettings(config), ...sizedSettings(config.memoryMiB), ...given };
  return ["[mysqld]", ...Object.entries(settings).map(([key, value]) => `${key} = ${value}`), ""].join("\n");
}
