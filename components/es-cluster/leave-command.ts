import { nodeFilters } from "../core/naming";
import { containerState, shellCommand, shellWord } from "../core/shell";
import { STOPPING_FUNCTION } from "../core/stopping";
import { MEMBERS_FILE, apiCommand } from "./es-conf";
import { ALLOCATION, BEFORE, type EsNodeRef } from "./es-gate";

export interface Leaving {
  readonly node: EsNodeRef;

  /** Whether it may be a master. */
  readonly master: boolean;

  /** Nodes through which the others are asked: some of those that stay. */
  readonly survivors: readonly EsNodeRef[];
  readonly component: string;
  readonly dockers: readonly (readonly string[])[];
}

const EXCLUDED = "cluster.routing.allocation.exclude._name";
/** Time for its shards to move elsewhere, in seconds, while some still move. */
const DRAIN_SECONDS = 600;

/**
 * Makes a node leave its cluster before its container goes.
 *
 * Its shards move to the others first; where they cannot, it is refused and stays. Then it gives up its vote, so that the majority is counted
 * without it, and stops. What is on its volume stays there. The last node stays with the data. Where the whole stack stops nobody leaves.
 */
export function esLeaveCommand({ node, master, survivors, component, dockers }: Leaving): string {
  const docker = shellCommand(node.docker);
  const choose = survivors.map(
    (survivor) =>
      `{ nodes=$(${shellCommand(survivor.docker)} exec ${survivor.container} ${apiCommand("_cat/nodes?h=name")} 2>/dev/null) && survivor() { ${shellCommand(survivor.docker)} exec ${survivor.container} "$@"; }; }`,
  );
  const exclude = (name: string | null) => {
    // Its gate has paused allocation for a replacement, and shards are to move.
    const change = JSON.stringify({ persistent: { [EXCLUDED]: name, [ALLOCATION]: null, [BEFORE]: null } });
    return `survivor ${apiCommand("_cluster/settings", "--request", "PUT", "--data", change)}`;
  };
  const forget = `grep -vxF "$1" ${MEMBERS_FILE} > ${MEMBERS_FILE}.new; mv ${MEMBERS_FILE}.new ${MEMBERS_FILE}`;
  const noted = dockers.map(
    (each) =>
      `for other in $(${shellCommand([...each, "ps", ...nodeFilters(component)])}); do ${shellCommand(each)} exec "$other" sh -c ${shellWord(forget)} sh ${node.name} || exit 1; done`,
  );
  return [
    "set -u",
    STOPPING_FUNCTION,
    "! stopping || exit 0",
    ...(survivors.length === 0 ? ["exit 0"] : []),
    `find_survivor() { ${choose.join(" || ") || "false"}; }`,
    `there() { [ -n "$(${containerState(node.docker, node.container)})" ]; }`,
    // Nothing of it is undone by a refusal but this: shards may come back to it.
    `refuse() { echo "${node.container} may not leave: $1" >&2; exit 1; }`,
    'find_survivor || refuse "none of the others answers, so it may be needed. Bring them back first"',
    `if echo "$nodes" | grep -qxF ${node.name}; then`,
    `  stay() { ${exclude(null)} >/dev/null; refuse "$1"; }`,
    `  ${exclude(node.name)} >&2 || refuse "its shards cannot be moved"`,
    `  deadline=$(($(date +%s) + ${DRAIN_SECONDS})); still=0`,
    "  while :; do",
    `    shards=$(survivor ${apiCommand("_cat/shards?h=index,shard,prirep,state,node")}) || stay "the shards cannot be listed"`,
    // A shard that moves is listed as `from -> address id to`.
    `    here=$(echo "$shards" | awk '$5 == "${node.name}" { print $1, $2 }')`,
    '    [ -n "$here" ] || break',
    `    if echo "$shards" | grep -qE 'RELOCATING|INITIALIZING'; then still=0; else still=$((still + 1)); fi`,
    `    if [ "$still" -ge 30 ] || [ "$(date +%s)" -ge "$deadline" ]; then stay "these shards have no place on the others. Lower the replicas of their indices or keep the node: $(echo "$here" | tr '\\n' ',')"; fi`,
    "    sleep 0.5",
    "  done",
    ...(master
      ? [
          `  survivor ${apiCommand(`_cluster/voting_config_exclusions?node_names=${node.name}`, "--request", "POST", "--max-time", "40")} >&2 || stay "the others cannot hold a majority without it"`,
        ]
      : []),
    "fi",
    `if there; then ${docker} update --restart no ${node.container} >/dev/null && ${docker} stop --time 60 ${node.container} >/dev/null || exit 1; fi`,
    // Another node of that name, should one come, is a new one: it may have shards and a vote.
    `find_survivor && ${exclude(null)} >&2 || exit 1`,
    ...(master
      ? [`survivor ${apiCommand("_cluster/voting_config_exclusions?wait_for_removal=false", "--request", "DELETE")} >&2 || exit 1`]
      : []),
    ...noted,
  ].join("\n");
}
