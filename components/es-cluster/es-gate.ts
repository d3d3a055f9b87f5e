import { nodeFilters } from "../core/naming";
import { shellCommand, shellWord } from "../core/shell";
import { MEMBERS_FILE, apiCommand } from "./es-conf";

/** A node's container, and how to reach the engine that runs it. */
export interface EsNodeRef {
  readonly name: string;
  readonly docker: readonly string[];
  readonly container: string;
}

type Dockers = readonly (readonly string[])[];

/** The nodes that the others are asked through: at most three, so that growing beyond changes nothing about what asks. */
export function seedsOf<T>(nodes: readonly T[]): readonly T[] {
  return nodes.slice(0, 3);
}

/** A shell command with which a node is asked something. */
function ask({ docker, container }: EsNodeRef, path: string, ...options: string[]): string {
  return `${shellCommand(docker)} exec ${container} ${apiCommand(path, ...options)}`;
}

/** Where a roll notes what it has changed, so that whoever goes on after it knows: a setting that Elasticsearch keeps for its users. */
export const BEFORE = "cluster.metadata.dockyard.before";
export const ALLOCATION = "cluster.routing.allocation.enable";

/** A shell word for a request that changes the cluster's settings. */
function settings(changes: Readonly<Record<string, string | null>>): string[] {
  return ["--request", "PUT", "--data", JSON.stringify({ persistent: changes })];
}

/** What of its health tells that a shard is on its way, or is about to be: a node that has come is first asked what it holds. */
const UNSETTLED = [
  "initializing_shards",
  "relocating_shards",
  "delayed_unassigned_shards",
  "number_of_in_flight_fetch",
  "number_of_pending_tasks",
];

const HEALTH = `_cluster/health?filter_path=${["status", ...UNSETTLED].join()}`;

/** Answers when the master has done what it had to do: what follows from a node that has come is done then. It is itself a task of the master's. */
const EVENTS = "_cluster/health?wait_for_events=languid&timeout=5s&filter_path=status";

/**
 * Shell functions: `made` lists the cluster's containers as `name:state` and `each` runs a command in those that run; `settled` looks at `$health`
 * anew, and tells whether no shard is on its way. Nodes are found by their labels, so that growing the cluster changes nothing for those who are there.
 */
function clusterFunctions(node: EsNodeRef, component: string, dockers: Dockers): string[] {
  const list = dockers.map((docker) => shellCommand([...docker, "ps", "--all", ...nodeFilters(component, "{{.Names}}:{{.State}}")]));
  const names = dockers.map(
    (docker) =>
      `for running in $(${shellCommand([...docker, "ps", ...nodeFilters(component)])}); do ${shellCommand(docker)} exec "$running" "$@" || return 1; done`,
  );
  return [
    // An engine that does not answer is no engine without containers.
    `made() { listed=$(${list.join(" && ")}) || return 1; echo "$listed" | sed 's/^${prefixOf(node)}//'; };`,
    `each() { ${names.join("; ")}; };`,
    `settled() { ${ask(node, EVENTS)} >/dev/null && health=$(${ask(node, HEALTH)}) || return 1; for sign in ${UNSETTLED.map((what) => `'"${what}":0'`).join(" ")}; do case $health in *'"status":"red"'*) return 1 ;; *"$sign"*) ;; *) return 1 ;; esac; done; };`,
  ];
}

function prefixOf({ container, name }: EsNodeRef): string {
  return container.slice(0, -name.length);
}

/**
 * The condition that a node is in a cluster of all that run, whose shards are as they were before the roll: green, or yellow where it was yellow.
 *
 * It ends the pause of allocation, also one that an earlier roll has left. A node that comes back to others which have no container yet waits
 * for them: it passes, so that they are made; the last one, behind which every container is there, waits for all. Who has been there is
 * noted on every node, since a node alone cannot ask anybody. One that has lost its note with its data, and is the first to come back, goes
 * by who has a data volume.
 */
export function esWholeCondition(node: EsNodeRef, component: string, dockers: Dockers): string {
  const own = (path: string, ...options: string[]) => ask(node, path, ...options);
  const inCluster = [
    `nodes=$(${own("_cat/nodes?h=name")}) || { echo "it knows no master: $nodes"; return 1; };`,
    `echo "$nodes" | grep -qxF ${node.name} || { echo "it is not in the cluster: $nodes"; return 1; };`,
    `for one in $there; do [ "\${one#*:}" != running ] || echo "$nodes" | grep -qxF "\${one%%:*}" || { echo "\${one%%:*} is not in the cluster"; return 1; }; done;`,
    `kept=$(${own("_cluster/settings?flat_settings=true&filter_path=persistent")}) || return 1;`,
    `case $kept in *'"${ALLOCATION}"'*) ${own("_cluster/settings", ...settings({ [ALLOCATION]: null }))} >/dev/null || return 1 ;; esac;`,
    `health=$(${own(HEALTH)}) || return 1; echo "$health";`,
    `case $health in *'"status":"green"'*) ;; *'"status":"yellow"'*) settled || return 1; case $kept in *'"${BEFORE}":"green"'*) return 1 ;; esac ;; *) return 1 ;; esac;`,
    `case $kept in *'"${BEFORE}"'*) ${own("_cluster/settings", ...settings({ [BEFORE]: null }))} >/dev/null || return 1 ;; esac;`,
    `each sh -c ${shellWord(`echo "$1" > ${MEMBERS_FILE}.new && mv ${MEMBERS_FILE}.new ${MEMBERS_FILE}`)} sh "$nodes";`,
  ];
  const volumes = dockers.map((docker) => shellCommand([...docker, "volume", "ls", ...nodeFilters(component, "{{.Name}}")]));
  const lacksOne = [
    `members=$($docker exec ${node.container} cat ${MEMBERS_FILE} 2>/dev/null) || { [ "$(echo "$there" | wc -l)" -eq 1 ] && members=$(holders); } || return 1;`,
    `for member in $members; do echo "$there" | grep -q "^$member:" || return 0; done; return 1;`,
  ];
  return [
    ...clusterFunctions(node, component, dockers),
    `holders() { listed=$(${volumes.join(" && ")}) || return 1; echo "$listed" | sed -n 's/^${prefixOf(node)}\\(.*\\)-data$/\\1/p'; };`,
    `in_cluster() { ${inCluster.join(" ")} }; lacks_one() { ${lacksOne.join(" ")} };`,
    "there=$(made) && { in_cluster || lacks_one; }",
  ].join(" ");
}

/** Tells the indices whose only started copy is on a node, where other nodes could have one. */
function onlyCopies(name: string): string {
  const count = `$4 ~ /^(STARTED|RELOCATING)$/ { copies[$1 " " $2]++; if ($5 == "${name}") here[$1 " " $2] = $1 }`;
  return `awk '${count} END { for (shard in here) if (copies[shard] == 1 && !(here[shard] in told)) { told[here[shard]] = 1; printf "%s ", here[shard] } }'`;
}

/**
 * The condition that the cluster can do without a node for a while: all others are in it, no shard is on its way, and every shard has a copy
 * elsewhere. Then allocation is paused, so that nothing is copied about while the node is away.
 *
 * A node that does not answer is spared where the others go on without it. The only node there is, or the only one with data, has no other.
 */
export function esSpareCondition(node: EsNodeRef, component: string, dockers: Dockers): string {
  const own = (path: string, ...options: string[]) => ask(node, path, ...options);
  const elsewhere = `sh -c ${shellWord(`nodes=$(${apiCommand("_cat/nodes?h=name")} 2>/dev/null) || exit 0; if echo "$nodes" | grep -qxF "$1"; then echo counted; else echo without; fi`)} sh ${node.name}`;
  const pause = (status: string) => own("_cluster/settings", ...settings({ [ALLOCATION]: "primaries", [BEFORE]: status }));
  return [
    ...clusterFunctions(node, component, dockers),
    "spared() {",
    "there=$(made) || return 1;",
    '[ "$(echo "$there" | wc -l)" -gt 1 ] || return 0;',
    `if ! nodes=$(${own("_cat/nodes?h=name,node.role")} 2>&1); then`,
    `case $(each ${elsewhere} 2>/dev/null) in *counted*) ;; *without*) return 0 ;; esac;`,
    'echo "it does not answer, and no other node says that the cluster goes on without it: $nodes"; return 1; fi;',
    `for one in $there; do echo "$nodes" | grep -q "^\${one%%:*} " || { echo "\${one%%:*} is not in the cluster; bring it back first"; return 1; }; done;`,
    `health=$(${own(HEALTH)}) || return 1; echo "$health";`,
    `case $health in *'"status":"green"'*) before=green ;; *'"status":"yellow"'*) settled || return 1; before=yellow ;; *) return 1 ;; esac;`,
    `if [ "$(echo "$nodes" | awk '$2 ~ /d/' | wc -l)" -gt 1 ]; then`,
    `shards=$(${own("_cat/shards?h=index,shard,prirep,state,node")}) || return 1; only=$(echo "$shards" | ${onlyCopies(node.name)});`,
    `[ -z "$only" ] || { echo "these indices have shards on it alone; give them a replica first: $only"; return 1; }; fi;`,
    `if [ $before = green ]; then ${pause("green")}; else ${pause("yellow")}; fi >/dev/null && ${own("_flush", "--request", "POST")} >/dev/null;`,
    "}; spared",
  ].join(" ");
}
