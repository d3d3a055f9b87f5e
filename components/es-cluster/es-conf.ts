import { FOUNDING_SECONDS } from "../core/founding";
import { shellCommand } from "../core/shell";
import type { EsRole } from "./node-args";

/** What one node's configuration depends on. */
export interface EsNodeConfig {
  readonly clusterName: string;
  readonly name: string;
  readonly address: string;
  readonly roles: readonly EsRole[];

  /** Addresses that a node asks for the cluster. */
  readonly seeds: readonly string[];

  /** First part of Elasticsearch's version. */
  readonly major: number;
  readonly snapshots: boolean;
}

export const HTTP_PORT = 9200;
export const TRANSPORT_PORT = 9300;

const HOME = "/usr/share/elasticsearch";
export const ES_DATA_PATH = `${HOME}/data`;
export const ES_SNAPSHOTS_PATH = `${HOME}/snapshots`;
export const ES_CONFIG_PATH = "/etc/elasticsearch/node";
const CURRENT = `${ES_CONFIG_PATH}/current`;
/** In memory: where the server reads its settings, and unpacks the native code that it runs. */
const RUN_PATH = "/run/elasticsearch";
export const ES_FILES = { settings: "elasticsearch.yml", logging: "log4j2.properties", start: "start", founding: "founding" } as const;

/** Names of the nodes that have been in the cluster, one on each line: beside the server's own folder, which it keeps to itself. */
export const MEMBERS_FILE = `${ES_DATA_PATH}/members`;
const SERVER_DATA = `${ES_DATA_PATH}/cluster`;

/** The folders that a node writes in memory; the second holds native code that the server unpacks there and runs. */
export function esTmpfs(user: string): Record<string, string> {
  const [uid, gid] = user.split(":");
  return {
    "/tmp": "rw,noexec,nosuid,nodev,size=64m",
    [RUN_PATH]: `rw,exec,nosuid,nodev,size=32m,uid=${uid},gid=${gid},mode=0750`,
    [`${HOME}/logs`]: `rw,noexec,nosuid,nodev,size=64m,uid=${uid},gid=${gid},mode=0750`,
  };
}

/** The server reads all of it when it starts, and only then. A setting is a line of YAML, and JSON is YAML. */
export function renderElasticsearchYml({ clusterName, name, address, roles, seeds, major, snapshots }: EsNodeConfig): string {
  const settings: Record<string, unknown> = {
    "cluster.name": clusterName,
    "node.name": name,
    "node.roles": roles,
    "network.host": ["_local_", address],
    "network.publish_host": address,
    "http.port": HTTP_PORT,
    "transport.port": TRANSPORT_PORT,
    "discovery.seed_hosts": seeds.map((seed) => `${seed}:${TRANSPORT_PORT}`),
    "path.data": SERVER_DATA,
    "path.logs": `${HOME}/logs`,
    ...(snapshots && { "path.repo": [ES_SNAPSHOTS_PATH] }),
    // Mapped files need vm.max_map_count raised on the host, which is not a container's to do.
    "node.store.allow_mmap": false,
    // An index that a typing error makes would get its fields by guess.
    "action.destructive_requires_name": true,
    // X-Pack's security is on from 8 and asks for certificates; it is in no image of ours. The service network is the boundary.
    ...(major >= 8 && { "xpack.security.enabled": false, "ingest.geoip.downloader.enabled": false }),
  };
  return Object.entries(settings)
    .map(([key, value]) => `${key}: ${JSON.stringify(value)}\n`)
    .join("");
}

/** Log to the console; used where the image brings no logging of its own. */
export function renderLogging(): string {
  return [
    "status = error",
    "appender.console.type = Console",
    "appender.console.name = console",
    "appender.console.layout.type = PatternLayout",
    "appender.console.layout.pattern = [%d{ISO8601}][%-5p][%c{1.}] [%node_name]%marker %m%n",
    "rootLogger.level = info",
    "rootLogger.appenderRef.console.ref = console",
    "",
  ].join("\n");
}

/** Looks for the others, 2 s apart, before the first node says that it has lost what it had. */
const LOOKS = 5;

/**
 * The node's start. Only the first node ever forms a cluster, and only when no other node had data anywhere a while ago and nobody answers: a
 * node that has lost its volume joins the others, and all others never form one. Where it may no longer form one and nobody answers it does
 * not start; one that is alone has nobody to ask.
 *
 * @param founder Name of the first node.
 */
export function renderStartScript(founder: string, seeds: readonly string[]): string {
  return `set -eu
rm -rf "$ES_PATH_CONF"
mkdir -p "$ES_PATH_CONF" ${SERVER_DATA}
if [ -d ${HOME}/config ]; then cp -R ${HOME}/config/. "$ES_PATH_CONF"; fi
[ -e "$ES_PATH_CONF/${ES_FILES.logging}" ] || cat ${CURRENT}/${ES_FILES.logging} > "$ES_PATH_CONF/${ES_FILES.logging}"
cat ${CURRENT}/${ES_FILES.settings} > "$ES_PATH_CONF/${ES_FILES.settings}"
answers() { curl --silent --output /dev/null --max-time 2 "http://$1:${HTTP_PORT}/"; }
if [ "$(hostname)" = ${founder} ] && [ -z "$(ls ${SERVER_DATA})" ]; then
  read -r found began < ${CURRENT}/${ES_FILES.founding} || true
  anybody() { for seed in ${seeds.join(" ")}; do if answers "$seed"; then return 0; fi; done; return 1; }
  late() { ${seeds.length === 1 ? "false" : `[ "$(($(date +%s) - \${began:-0}))" -gt ${FOUNDING_SECONDS} ]`}; }
  if [ "$found" = found ] && late; then
    looks=0
    until anybody; do
      looks=$((looks + 1))
      [ "$looks" -lt ${LOOKS} ] || { echo "this cluster was begun at $(date -u -d "@\${began:-0}" +%FT%TZ), and the volume of its first node is empty: bring the others back first" >&2; exit 1; }
      sleep 2
    done
    found=join
  fi
  if [ "$found" = found ] && ! anybody; then echo 'cluster.initial_master_nodes: ["${founder}"]' >> "$ES_PATH_CONF/${ES_FILES.settings}"; fi
fi
exec ${HOME}/bin/elasticsearch
`;
}

export function esCommand(): string[] {
  return ["sh", `${CURRENT}/${ES_FILES.start}`];
}

/** What the server learns from the environment: where things are, and its heap, all of it from the start. */
export function esEnvironment(heapMiB: number): Record<string, string> {
  return {
    ES_PATH_CONF: `${RUN_PATH}/config`,
    ES_TMPDIR: RUN_PATH,
    LIBFFI_TMPDIR: RUN_PATH,
    ES_JAVA_OPTS: `-Xms${heapMiB}m -Xmx${heapMiB}m`,
  };
}

/** Asks whether the server answers over HTTP; it does with 503 while it knows no master. */
export function esProbe(): string[] {
  return ["curl", "--silent", "--fail", "--output", "/dev/null", "--max-time", "5", `http://127.0.0.1:${HTTP_PORT}/`];
}

/** The settings are refused by the server when it starts; what can be told before is that all of it is there. */
export function esCheck(folder: string): string[] {
  return ["sh", "-n", `${folder}/${ES_FILES.start}`];
}

const CURL = ["curl", "--silent", "--show-error", "--fail-with-body", "--max-time", "10", "--header", "content-type: application/json"];

/** A shell command, for inside a node's container, that asks the server; its path may name variables of the shell. */
export function apiCommand(path: string, ...options: string[]): string {
  return `${shellCommand([...CURL, ...options])} "http://127.0.0.1:${HTTP_PORT}/${path}"`;
}
