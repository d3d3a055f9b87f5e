import { shellCommand } from "../core/shell";
import { consulProbe } from "./consul-config";

/** A server's container, and how to reach the engine that runs it. */
export interface ConsulNode {
  readonly name: string;
  readonly docker: readonly string[];
  readonly container: string;
}

/**
 * The condition that a server is a voter which has caught up, in a cluster that is whole.
 *
 * A cluster that has not formed yet — no server knows of any peer — passes for those that come before the last seed, since more servers
 * are needed to elect a leader at all; behind the last seed it must form. A cluster that formed and lost a node is waited for.
 */
export function consulWholeCondition(node: ConsulNode, ordinal: number, seeds: readonly ConsulNode[]): string {
  const whole =
    `peers=$($docker exec ${node.container} ${shellCommand(consulProbe())}) && echo "$peers"` +
    ` && echo "$peers" | grep -Eq '^${node.name} .* (leader|follower) +true .* (-|[0-9]{1,2} commits) *$'` +
    ` && state=$($docker exec ${node.container} consul operator autopilot state) && echo "$state" | grep -Eq '^Healthy: +true'`;
  if (ordinal >= seeds.length) return whole;
  // An agent that does not answer counts as formed: what cannot be seen is waited for.
  const unformed = [...new Set([node, ...seeds])].map(
    (seed) =>
      `{ ! ${shellCommand(seed.docker)} inspect ${seed.container} >/dev/null 2>&1 || ${shellCommand(seed.docker)} exec ${seed.container} consul info | grep -q 'latest_configuration = \\[\\]'; }`,
  );
  return `{ $docker exec ${node.container} true && ${unformed.join(" && ")}; } || { ${whole}; }`;
}

/**
 * Makes a server leave its cluster before its container goes.
 *
 * Refused while the cluster is not whole, because the server that leaves might be one that the majority needs. A snapshot is kept on the
 * server's volume, and leadership is handed over first, so that no election is needed. The last server stays: it holds the data.
 * `DOCKYARD_STOP` says that the whole cluster stops and comes back as it is, so nobody leaves.
 */
export function consulLeaveCommand(node: ConsulNode, others: readonly ConsulNode[]): string {
  const docker = shellCommand(node.docker);
  const exec = `${docker} exec ${node.container}`;
  const gone = others.map(
    (other) =>
      `{ peers=$(${shellCommand(other.docker)} exec ${other.container} ${shellCommand(consulProbe())} 2>/dev/null) && ! echo "$peers" | grep -q '^${node.name} '; }`,
  );
  return [
    "set -u",
    '[ -z "${DOCKYARD_STOP:-}" ] || exit 0',
    `${docker} inspect ${node.container} >/dev/null 2>&1 || { echo "${node.container} is gone already; nothing to leave with" >&2; exit 0; }`,
    "deadline=$(($(date +%s) + 60))",
    `until peers=$(${exec} ${shellCommand(consulProbe())} 2>&1) && { [ "$(echo "$peers" | tail -n +2 | wc -l)" -eq 1 ] || { state=$(${exec} consul operator autopilot state 2>&1) && echo "$state" | grep -Eq '^Healthy: +true'; }; }; do`,
    `  if [ "$(date +%s)" -ge "$deadline" ]; then echo "${node.container} may not leave: the cluster is not whole, and its majority may need this server. Bring the others back first: $peers" >&2; exit 1; fi`,
    "  sleep 0.2",
    "done",
    '[ "$(echo "$peers" | tail -n +2 | wc -l)" -gt 1 ] || exit 0',
    `${exec} consul snapshot save /consul/data/before-leave.snap >&2 || exit 1`,
    `if echo "$peers" | grep -Eq '^${node.name} .* leader '; then ${exec} consul operator raft transfer-leader >&2 || exit 1; fi`,
    // The agent ends when it has left, and must not be started again to join anew.
    `${docker} update --restart no ${node.container} >/dev/null && ${exec} consul leave >&2 || exit 1`,
    `until ${gone.join(" || ")}; do`,
    `  if [ "$(date +%s)" -ge "$((deadline + 30))" ]; then echo "${node.container} left, but the others still count it as a peer: $peers" >&2; exit 1; fi`,
    "  sleep 0.2",
    "done",
  ].join("\n");
}
