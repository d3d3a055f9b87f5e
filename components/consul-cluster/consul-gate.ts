import { nodeFilters } from "../core/naming";
import { containerState, shellCommand } from "../core/shell";
import { STOPPING_FUNCTION } from "../core/stopping";
import { consulProbe } from "./consul-config";

/** A server's container, and how to reach the engine that runs it. */
export interface ConsulNode {
  readonly name: string;
  readonly docker: readonly string[];
  readonly container: string;
}

const PROBE = shellCommand(consulProbe());

/** The row of `list-peers` that says of a server: voter, and not more than 99 entries behind the leader. */
function voterRow({ name }: ConsulNode): string {
  return `^${name} .* (leader|follower) +true .* (-|[0-9]{1,2} commits) *$`;
}

/**
 * The condition that a server is a voter which has caught up, in a cluster that is whole.
 *
 * Servers come one by one, so the first ones must pass before there can be a leader at all. While a seed has no container the others need
 * only answer: one of them may have lost its volume, and then it takes all three to agree on who belongs to the cluster. The same while the
 * seeds that may know of peers are no majority; one that says it has none does not. Behind the last seed, and whenever all seeds are there,
 * the whole cluster must be healthy: one that lost a node is waited for.
 */
export function consulWholeCondition(node: ConsulNode, ordinal: number, seeds: readonly ConsulNode[]): string {
  const voter = `peers=$($docker exec ${node.container} ${PROBE}) && echo "$peers" && echo "$peers" | grep -Eq '${voterRow(node)}'`;
  const whole = `${voter} && state=$($docker exec ${node.container} consul operator autopilot state) && echo "$state" | grep -Eq '^Healthy: +true'`;
  if (ordinal >= seeds.length) return whole;
  const majority = Math.floor(seeds.length / 2) + 1;
  const count = seeds.map((seed) => {
    const noPeers = `${shellCommand(seed.docker)} exec ${seed.container} consul info 2>/dev/null | grep -q 'latest_configuration = \\[\\]'`;
    return `state=$(${containerState(seed.docker, seed.container)}) && { [ -z "$state" ] || { made=$((made + 1)); ${noPeers} || formed=$((formed + 1)); }; }`;
  });
  return [
    "made=0; formed=0",
    [`$docker exec ${node.container} consul info >/dev/null`, ...count].join(" &&\n") + " &&",
    `{ [ "$formed" -lt ${majority} ] || [ "$made" -lt ${seeds.length} ] || { ${whole}; }; }`,
  ].join("\n");
}

/**
 * The condition that the cluster keeps its majority without a server.
 *
 * Enough of the others must answer for themselves now, and be healthy by the leader's account, which is some seconds old. With two servers the
 * other one must; a cluster without a leader has no majority to keep.
 *
 * @param component Name of the cluster, by which the other servers are found on the engines of `dockers`: not by a list of them, so that
 *   growing the cluster changes nothing for those who are there.
 */
export function consulSpareCondition(
  node: ConsulNode,
  component: string,
  seeds: readonly ConsulNode[],
  dockers: readonly (readonly string[])[],
): string {
  const ask = seeds.map(
    ({ docker, container }) => `state=$(${shellCommand(docker)} exec ${container} consul operator autopilot state 2>/dev/null)`,
  );
  const list = dockers.map((docker) => {
    const command = shellCommand(docker);
    return `names=$(${command} ps ${shellCommand(nodeFilters(component))}) && for name in $names; do [ "$name" = ${node.container} ] || ! ${command} exec "$name" ${PROBE} >/dev/null 2>&1 || answer=$((answer + 1)); done`;
  });
  const count = `/^ +Name:/ { name = $2 } /^ +Healthy:/ { servers++; if (name == "${node.name}") own = 1; else if ($2 == "true") healthy++ }`;
  const verdict = `END { if (answer < healthy) healthy = answer; need = int(servers / 2) + 1; if (need > servers - 1) need = servers - 1; if (!own || healthy >= need) exit 0; printf "%d of the other servers are healthy, and %d are needed\\n", healthy, need; exit 1 }`;
  return `{ ${ask.join(" || ")} || state=; } && { [ -z "$state" ] || { answer=0 && ${list.join(" && ")} && echo "$state" | awk -v answer="$answer" '${count} ${verdict}'; }; }`;
}

/**
 * Makes a server leave its cluster before its container goes.
 *
 * Refused while the cluster is not whole, because the server that leaves might be one that the majority needs. A snapshot is kept on the
 * server's volume, and leadership is handed over first, so that no election is needed. The last server stays: it holds the data. A server
 * that the others no longer count has left already, and an interrupted removal goes on from there.
 * Where the whole stack stops nobody leaves.
 */
export function consulLeaveCommand(node: ConsulNode, others: readonly ConsulNode[]): string {
  const docker = shellCommand(node.docker);
  const exec = `${docker} exec ${node.container}`;
  const left = others.map(
    (other) =>
      `{ peers=$(${shellCommand(other.docker)} exec ${other.container} ${PROBE} 2>/dev/null) && ! echo "$peers" | grep -q '^${node.name} '; }`,
  );
  return [
    "set -u",
    STOPPING_FUNCTION,
    "! stopping || exit 0",
    `left() { ${left.join(" || ") || "false"}; }`,
    "left && exit 0",
    "deadline=$(($(date +%s) + 60))",
    `until peers=$(${exec} ${PROBE} 2>&1) && { [ "$(echo "$peers" | tail -n +2 | wc -l)" -eq 1 ] || { state=$(${exec} consul operator autopilot state 2>&1) && echo "$state" | grep -Eq '^Healthy: +true'; }; }; do`,
    `  if [ "$(date +%s)" -ge "$deadline" ]; then echo "${node.container} may not leave: the cluster is not whole, and its majority may need this server. Bring the others back first: $peers" >&2; exit 1; fi`,
    "  sleep 0.2",
    "done",
    '[ "$(echo "$peers" | tail -n +2 | wc -l)" -gt 1 ] || exit 0',
    `${exec} consul snapshot save /consul/data/before-leave.snap >&2 || exit 1`,
    `if echo "$peers" | grep -Eq '^${node.name} .* leader '; then ${exec} consul operator raft transfer-leader >&2 || exit 1; fi`,
    // The agent ends when it has left, and must not be started again to join anew; where it stays after all, it goes on as before.
    `${docker} update --restart no ${node.container} >/dev/null || exit 1`,
    `${exec} consul leave >&2 || { ${docker} update --restart always ${node.container} >/dev/null; exit 1; }`,
    "until left; do",
    `  if [ "$(date +%s)" -ge "$((deadline + 30))" ]; then echo "${node.container} left, but the others still count it as a peer: $peers" >&2; exit 1; fi`,
    "  sleep 0.2",
    "done",
  ].join("\n");
}
