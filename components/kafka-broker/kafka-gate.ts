import { nodeFilters } from "../core/naming";
import { containerState, shellCommand, shellWord } from "../core/shell";
import { STOPPING_FUNCTION } from "../core/stopping";

/** A node's container, and how to reach the engine that runs it. */
export interface KafkaNodeRef {
  readonly name: string;
  readonly id: number;
  readonly docker: readonly string[];
  readonly container: string;
}

type Dockers = readonly (readonly string[])[];

/** Status of kafka-admin that says that the node is needed; with any other it could not tell, and another node is asked. */
const NEEDED = 4;

/** Shell function `made`: the cluster's containers as `name:state`, found by their labels, so that growing it changes nothing for those who are there. */
function madeFunction(component: string, dockers: Dockers, { container, name }: KafkaNodeRef): string {
  const list = dockers.map((docker) => shellCommand([...docker, "ps", "--all", ...nodeFilters(component, "{{.Names}}:{{.State}}")]));
  // An engine that does not answer is no engine without containers.
  return `made() { listed=$(${list.join(" && ")}) || return 1; echo "$listed" | sed 's/^${container.slice(0, -name.length)}//' | tr '\\n' ' '; };`;
}

/** A shell command in each of the cluster's containers that run. */
function inEach(component: string, dockers: Dockers, command: string): string {
  return dockers
    .map(
      (docker) =>
        `for one in $(${shellCommand([...docker, "ps", ...nodeFilters(component)])}); do ${shellCommand(docker)} exec "$one" ${command}; done`,
    )
    .join("; ");
}

/**
 * The condition that a node is in a whole cluster: no partition lacks a replica, and the controllers' quorum is whole.
 *
 * Controllers are given their votes before, also those whose gates had to pass without. Behind it every node knows who there is, since after all
 * of them have stopped the first ones cannot ask.
 */
export function kafkaWholeCondition(node: KafkaNodeRef, component: string, dockers: Dockers): string {
  return [
    madeFunction(component, dockers, node),
    "there=$(made) && {",
    `${inEach(component, dockers, "kafka-admin join")} >/dev/null 2>&1;`,
    `$docker exec ${node.container} kafka-admin whole --made "$there" && {`,
    `${inEach(component, dockers, 'kafka-admin remember --made "$there" || exit 1')}; }; }`,
  ].join(" ");
}

/**
 * The condition that the cluster can do without a node for a while: all others are in it, the controllers keep their majority, and every partition
 * its least number of replicas in sync. The node itself is asked, and the others where it knows nobody.
 */
export function kafkaSpareCondition(node: KafkaNodeRef, component: string, dockers: Dockers): string {
  const verdict = `case $? in 0) return 0 ;; ${NEEDED}) echo "$said"; return 1 ;; esac`;
  const ask = (docker: string, container: string) => `said=$(${docker} exec ${container} ${spare(node)} --made "$there" 2>&1); ${verdict}`;
  const others = dockers.map(
    (docker) =>
      `for one in $(${shellCommand([...docker, "ps", ...nodeFilters(component)])}); do ${ask(shellCommand(docker), '"$one"')}; done`,
  );
  return [
    madeFunction(component, dockers, node),
    "spared() {",
    "there=$(made) || return 1;",
    "set -- $there; [ $# -gt 1 ] || return 0; said=;",
    `${ask("$docker", node.container)}; ${others.join("; ")};`,
    'echo "no node knows the others: $said"; return 1; }; spared',
  ].join(" ");
}

function spare({ name, id }: KafkaNodeRef): string {
  return shellCommand(["kafka-admin", "spare", "--node", name, "--id", String(id)]);
}

/** Shell words that stop a node where no other one of the cluster runs. */
function stopLast(component: string, dockers: Dockers, { docker, container }: KafkaNodeRef): string {
  const running = dockers.map((each) => shellCommand([...each, "ps", ...nodeFilters(component)])).join(" && ");
  return `[ "$(${running})" != ${container} ] || ${shellCommand(docker)} stop --time ${LAST_STOP_SECONDS} ${container} >/dev/null`;
}

/** Shell words that define `survivor`, which runs a command in the first of some nodes that can be asked about the cluster. */
export function findSurvivor(survivors: readonly KafkaNodeRef[]): string {
  const choose = survivors.map(
    ({ docker, container }) =>
      `{ ${shellCommand(docker)} exec ${container} kafka-admin live >/dev/null 2>&1 && survivor() { ${shellCommand(docker)} exec -i ${container} kafka-admin "$@"; }; }`,
  );
  return `find_survivor() { ${choose.join(" || ") || "false"}; }`;
}

export interface KafkaLeaving {
  readonly node: KafkaNodeRef;

  /** Nodes through which the others are asked: some of those that stay. */
  readonly survivors: readonly KafkaNodeRef[];
  readonly component: string;
  readonly dockers: Dockers;

  /** Whether what it holds is moved to the others first; else it is refused. */
  readonly move: boolean;

  /** Whether the controllers that it tells of its stop may all have stopped before it, as others like it are the controllers. */
  readonly mayBeLast: boolean;
}

/** Seconds that the last node has to stop, which would use up all that it is given: it waits for controllers that are gone, and leaves nothing undone. */
const LAST_STOP_SECONDS = 3;

/**
 * Makes a node leave its cluster before its container goes.
 *
 * Refused while it holds partitions, or they are moved first. Then it gives up its vote, stops, and the others forget it. What is on its volume
 * stays there. The last node stays with the data. Where the whole stack stops nobody leaves.
 */
export function kafkaLeaveCommand({ node, survivors, component, dockers, move, mayBeLast }: KafkaLeaving): string {
  const docker = shellCommand(node.docker);
  const about = shellCommand(["--node", node.name, "--id", String(node.id)]);
  const drop = dockers.map(
    (each) =>
      `for other in $(${shellCommand([...each, "ps", ...nodeFilters(component)])}); do ${shellCommand(each)} exec "$other" kafka-admin drop --node ${shellWord(node.name)} || exit 1; done`,
  );
  return [
    "set -u",
    STOPPING_FUNCTION,
    `! stopping || { ${mayBeLast ? `${stopLast(component, dockers, node)}; ` : ""}exit 0; }`,
    ...(survivors.length === 0 ? ["exit 0"] : []),
    findSurvivor(survivors),
    `there() { [ -n "$(${containerState(node.docker, node.container)})" ]; }`,
    `refuse() { echo "${node.container} may not leave: $1" >&2; exit 1; }`,
    'find_survivor || refuse "none of the others answers, so it may be needed. Bring them back first"',
    `said=$(survivor leave ${about}${move ? " --move" : ""} 2>&1) || refuse "$said"`,
    `if there; then ${docker} update --restart no ${node.container} >/dev/null && ${docker} stop --time 20 ${node.container} >/dev/null || exit 1; fi`,
    // The one that was asked may have been told by the one that left.
    "deadline=$(($(date +%s) + 60))",
    `until find_survivor && said=$(survivor forget ${about} 2>&1); do`,
    '  if [ "$(date +%s)" -ge "$deadline" ]; then echo "the others do not forget it: ${said:-none answers}" >&2; exit 1; fi',
    "  sleep 0.5",
    "done",
    ...drop,
  ].join("\n");
}
