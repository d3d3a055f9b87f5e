import { shellCommand } from "../core/shell";

/** What one broker's configuration depends on. */
export interface BrokerConfig {
  readonly cluster: string;
  readonly logLevel: string;

  /** Memory limit of the container in MiB. */
  readonly memoryMiB: number;

  /** Free space on the data volume, in MiB, below which publishers are blocked. */
  readonly diskFreeMiB: number;
}

/** A broker as the others find it. */
export interface BrokerAddress {
  readonly name: string;
  readonly address: string;
}

export const AMQP_PORT = 5672;
export const MANAGEMENT_PORT = 15_672;
export const PROMETHEUS_PORT = 15_692;

export const RABBITMQ_DATA_PATH = "/var/lib/rabbitmq";
export const RABBITMQ_CONFIG_PATH = "/etc/rabbitmq/node";
const CURRENT = `${RABBITMQ_CONFIG_PATH}/current`;
export const RABBITMQ_FILES = {
  settings: "rabbitmq.conf",
  plugins: "enabled_plugins",
  definitions: "definitions.json",
  operator: "operator.curl",
  // Erlang looks for it in the home folder, under this name.
  cookie: ".erlang.cookie",
  resolver: "inetrc",
  hosts: "hosts",
  start: "start",
} as const;

/** User that the component itself speaks to the brokers as. */
export const OPERATOR = "dockyard";

/** Share of the memory limit at which publishers are blocked: the rest is for what a broker needs while it pages out. */
const MEMORY_SHARE = 0.6;

/** Erlang's name of a broker: it is the broker's own, not the container's, so that a new container is the same broker. */
export function nodeName(broker: string): string {
  return `rabbit@${broker}`;
}

/** The server reads all of it when it starts, and only then. */
export function renderRabbitmqConf({ cluster, logLevel, memoryMiB, diskFreeMiB }: BrokerConfig): string {
  const settings = {
    cluster_name: cluster,
    // A broker that sees less than half of the cluster stops serving, so that two halves never both do.
    cluster_partition_handling: "pause_minority",
    default_queue_type: "quorum",
    "vm_memory_high_watermark.absolute": `${Math.floor(memoryMiB * MEMORY_SHARE)}MiB`,
    "disk_free_limit.absolute": `${diskFreeMiB}MiB`,
    "definitions.import_backend": "local_filesystem",
    "definitions.local.path": `${CURRENT}/${RABBITMQ_FILES.definitions}`,
    "listeners.tcp.default": AMQP_PORT,
    "management.tcp.port": MANAGEMENT_PORT,
    "prometheus.tcp.port": PROMETHEUS_PORT,
    "log.console": true,
    "log.console.level": logLevel,
  };
  return Object.entries(settings)
    .map(([key, value]) => `${key} = ${value}\n`)
    .join("");
}

export function renderEnabledPlugins(): string {
  return "[rabbitmq_management,rabbitmq_prometheus].\n";
}

/**
 * Where the brokers are: names of brokers that are away must be known as well, and at once. The hosts file is read again when it has changed,
 * so a cluster that grows restarts nobody.
 */
export function renderResolver(): string {
  return `{hosts_file, "${CURRENT}/${RABBITMQ_FILES.hosts}"}.\n{lookup, [file, native]}.\n`;
}

export function renderHosts(brokers: readonly BrokerAddress[]): string {
  return brokers.map(({ name, address }) => `${address} ${name}\n`).join("");
}

/** Options of curl, so that the operator's password is on no command line. */
export function renderOperatorOptions(password: string): string {
  return `user = "${OPERATOR}:${password}"\nsilent\nshow-error\nfail-with-body\nmax-time = 10\n`;
}

/**
 * The broker's start: a new one joins those that answer, and only the first ever founds a cluster.
 *
 * RabbitMQ would ask every broker of the list for half a minute, and a broker that reaches none would found a cluster of its own.
 */
export function renderStartScript(): string {
  return `set -eu
own=$(hostname)
answers() { timeout 1 bash -c ": > /dev/tcp/$1/4369" 2>/dev/null; }
members=$(cat "$RABBITMQ_MNESIA_BASE/rabbit@$own/cluster_nodes.config" 2>/dev/null || true)
if ! echo "$members" | grep -o "'rabbit@[^']*'" | grep -qvFx "'rabbit@$own'"; then
  first=$(head -n 1 ${CURRENT}/${RABBITMQ_FILES.hosts})
  while :; do
    members="'rabbit@$own'"
    while read -r address name; do
      if [ "$name" != "$own" ] && answers "$address"; then members="$members,'rabbit@$name'"; fi
    done < ${CURRENT}/${RABBITMQ_FILES.hosts}
    if [ "$members" != "'rabbit@$own'" ] || [ "\${first#* }" = "$own" ]; then break; fi
    echo "waiting for another broker to join"
    sleep 0.5
  done
  export RABBITMQ_SERVER_START_ARGS="-rabbit cluster_nodes {[$members],disc}"
fi
exec rabbitmq-server
`;
}

export function brokerCommand(): string[] {
  return ["bash", `${CURRENT}/${RABBITMQ_FILES.start}`];
}

/** What the server and its tools learn from the environment: only where things are. */
export function brokerEnvironment(broker: string): Record<string, string> {
  return {
    HOME: CURRENT,
    RABBITMQ_NODENAME: nodeName(broker),
    RABBITMQ_CONFIG_FILE: `${CURRENT}/${RABBITMQ_FILES.settings}`,
    RABBITMQ_ENABLED_PLUGINS_FILE: `${CURRENT}/${RABBITMQ_FILES.plugins}`,
    RABBITMQ_MNESIA_BASE: `${RABBITMQ_DATA_PATH}/mnesia`,
    RABBITMQ_LOGS: "-",
    ERL_INETRC: `${CURRENT}/${RABBITMQ_FILES.resolver}`,
    // A dump of the whole memory would hold every secret.
    ERL_CRASH_DUMP_SECONDS: "0",
    // Schedulers that wait do not spin: brokers share their machine.
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: "+sbwt none +sbwtdcpu none +sbwtdio none",
  };
}

const API = `http://127.0.0.1:${MANAGEMENT_PORT}/api`;
const CURL = ["curl", "--config", `${CURRENT}/${RABBITMQ_FILES.operator}`];

/**
 * A shell command that asks the management API; its path may name variables of the shell.
 *
 * One curl: each of the server's own tools starts an Erlang machine, which costs a hundred times as much.
 */
export function apiCommand(path: string, ...options: string[]): string {
  return `${shellCommand([...CURL, ...options])} "${API}/${path}"`;
}

/** Asks whether the broker takes AMQP connections. */
export function brokerProbe(): string[] {
  return [...CURL, `${API}/health/checks/protocol-listener/amqp`];
}

/** The configuration is refused by the server when it starts; what can be told before is that all of it is there. */
export function brokerCheck(folder: string): string[] {
  return ["bash", "-n", `${folder}/${RABBITMQ_FILES.start}`];
}
