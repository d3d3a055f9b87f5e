/** What one server's command line depends on. */
export interface ConsulServerConfig {
  readonly node: string;
  readonly address: string;
  readonly datacenter: string;
  readonly raftMultiplier: number;
  /** Servers that form the first cluster, and that everyone joins through. */
  readonly seeds: readonly string[];
}

/** Port of the HTTP API and the UI. */
export const CONSUL_HTTP_PORT = 8500;
export const CONSUL_DATA_PATH = "/consul/data";
export const CONSUL_CONFIG_PATH = "/consul/config";

/**
 * The servers that form the first cluster: at most three.
 *
 * Whoever comes later joins them, so that going from 3 to 5 and back changes nothing about the first three, not even their command line.
 */
export function seedsOf<T>(servers: readonly T[]): readonly T[] {
  return servers.slice(0, 3);
}

/** The agent's command line: all that a running agent cannot take up by a reload, so that a change is a restart. */
export function consulCommand({ node, address, datacenter, raftMultiplier, seeds }: ConsulServerConfig): string[] {
  return [
    "consul",
    "agent",
    "-server",
    `-bootstrap-expect=${seeds.length}`,
    `-datacenter=${datacenter}`,
    `-node=${node}`,
    `-bind=${address}`,
    "-client=0.0.0.0",
    "-ui",
    ...seeds.map((seed) => `-retry-join=${seed}`),
    "-retry-interval=1s",
    // The key in the configuration is the one that counts: a copy on the data volume would outlive it, over a destroy, and a server that
    // comes later with the new key could not be understood.
    "-disable-keyring-file",
    `-hcl=performance { raft_multiplier = ${raftMultiplier} }`,
    `-config-dir=${CONSUL_CONFIG_PATH}/current`,
  ];
}

/**
 * What every server agrees on, and what a reload takes up.
 *
 * A server leaves only when it is taken out of the program: neither a stopped container (`leave_on_terminate`) nor an unreachable one
 * (`cleanup_dead_servers`) changes who belongs to the cluster.
 */
export function renderConsulSettings({ logLevel }: { readonly logLevel: string }): string {
  const settings = {
    // Constant, and here rather than on the command line because the check of a folder asks for it.
    data_dir: CONSUL_DATA_PATH,
    log_level: logLevel,
    leave_on_terminate: false,
    skip_leave_on_interrupt: true,
    autopilot: { cleanup_dead_servers: false },
    disable_update_check: true,
    disable_remote_exec: true,
    enable_script_checks: false,
  };
  return `${JSON.stringify(settings, null, 2)}\n`;
}

/** The key that gossip between the servers is encrypted with. */
export function renderGossipKey(key: string): string {
  return `${JSON.stringify({ encrypt: key })}\n`;
}

/** Asks for the Raft peers, which only a cluster with a leader can answer. */
export function consulProbe(): string[] {
  return ["consul", "operator", "raft", "list-peers"];
}

export function consulCheck(folder: string): string[] {
  return ["consul", "validate", "-quiet", folder];
}

export function consulReload(): string[] {
  return ["consul", "reload"];
}
