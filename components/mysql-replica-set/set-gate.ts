import { nodeFilters } from "../core/naming";
import { containerState, shellCommand } from "../core/shell";
import { STOPPING_FUNCTION } from "../core/stopping";

/** A node's container, and how to reach the engine that runs it. */
export interface SetNode {
  readonly name: string;
  readonly docker: readonly string[];
  readonly container: string;
}

/** Time for the source to have its users, in seconds: a commit may wait for a replica that is about to come. */
const SETTLED_SECONDS = 60;

/**
 * Shell words that put the nodes which have a container into `$made`, with commas. They are found by their labels on every host, so that growing
 * the set changes nothing for those who are there.
 */
function made({ name, container }: SetNode, component: string, dockers: readonly (readonly string[])[]): string {
  const prefix = container.slice(0, -name.length);
  const list = dockers.map((docker) => shellCommand([...docker, "ps", "--all", ...nodeFilters(component)]));
  // An engine that does not answer is no engine without containers.
  return `made=$(listed=$(${list.join(" && ")}) && echo "$listed" | sed 's/^${prefix}//' | paste -sd, -)`;
}

/** The condition that a node does its part in the set, as its keeper sees it; it waits for no node that has no container yet. */
export function nodeWholeCondition(node: SetNode, component: string, dockers: readonly (readonly string[])[]): string {
  return `${made(node, component, dockers)} && $docker exec ${node.container} mysql-keeper whole --made "$made"`;
}

/** The condition that the set can do without a node; a source has another one lead first. */
export function nodeSpareCondition(node: SetNode, component: string, dockers: readonly (readonly string[])[]): string {
  return `${made(node, component, dockers)} && $docker exec ${node.container} mysql-keeper spare --made "$made"`;
}

/** Waits until the source has its databases and users as they are declared. */
export function settledCommand(nodes: readonly SetNode[]): string {
  const ask = nodes.map(({ docker, container }) => `said=$(${shellCommand(docker)} exec ${container} mysql-keeper settled 2>&1)`);
  return [
    "set -u",
    `deadline=$(($(date +%s) + ${SETTLED_SECONDS}))`,
    `until ${ask.join(" && ")}; do`,
    '  if [ "$(date +%s)" -ge "$deadline" ]; then echo "$said" >&2; exit 1; fi',
    "  sleep 0.5",
    "done",
  ].join("\n");
}

/**
 * Makes a node leave before its container goes: where it is the source, another one leads from then on. Its data stays on its volume.
 *
 * It is refused where the others could not do without it. Where the whole stack stops nobody leaves.
 */
export function nodeLeaveCommand(node: SetNode, component: string, dockers: readonly (readonly string[])[]): string {
  const docker = shellCommand(node.docker);
  return [
    "set -u",
    STOPPING_FUNCTION,
    "! stopping || exit 0",
    `state=$(${containerState(node.docker, node.container)}) || exit 1`,
    '[ "$state" = running ] || exit 0',
    `export docker=${JSON.stringify(docker)}`,
    `said=$(${nodeSpareCondition(node, component, dockers)} 2>&1) || { echo "${node.container} may not leave: $said" >&2; exit 1; }`,
  ].join("\n");
}
