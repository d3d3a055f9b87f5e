import { containerState, shellCommand, shellWord } from "../core/shell";
import { STOPPING_FUNCTION } from "../core/stopping";
import { RABBITMQ_DATA_PATH, apiCommand, nodeName } from "./rabbitmq-conf";
import { Broker, growQueues } from "./rabbitmq-gate";

export interface Leaving {
  readonly broker: Broker;

  /** Brokers through which the others are asked: some of those that stay. */
  readonly survivors: readonly Broker[];

  /** Name of the broker's data volume on its engine. */
  readonly volume: string;

  /** Image and `uid:gid` of the broker, for a throw-away container on its volume. */
  readonly image: string;
  readonly user: string;
}

const QUEUES = "queues?disable_stats=true&enable_queue_totals=true&columns=name,vhost,type,node,members,durable";

/** Puts each queue of a list on a line of its own. A brace may be in a queue's name, a key behind one may not: what ends a name is no key's quote. */
const ONE_A_LINE = String.raw`awk '{ gsub(/},[{]"[a-z]+":/, "\n&"); print }'`;

/** How long the queues' new leaders may take until the others know of them: an election's timeout (5 s at most) and room. */
const LED_ELSEWHERE_SECONDS = 30;

/**
 * Makes a broker leave its cluster before its container goes.
 *
 * Refused while any broker is down, and where a queue would go with it. Every quorum queue gets a member on each broker that stays before it
 * loses its own on the one that leaves, so that none is short of members. Then the broker stops and the others
 * forget it, before its container stops: the other one of two would take the end of its neighbour for a split, and pause. What it had
 * on its volume is moved aside there, not deleted: should it ever come back, it joins as a new one. The last broker stays: it holds the data.
 * Where the whole stack stops nobody leaves.
 */
export function brokerLeaveCommand({ broker, survivors, volume, image, user }: Leaving): string {
  const docker = shellCommand(broker.docker);
  const node = nodeName(broker.name);
  const choose = survivors.map(
    (survivor) =>
      `{ nodes=$(${shellCommand(survivor.docker)} exec ${survivor.container} ${apiCommand("nodes?columns=name,running")} 2>/dev/null) && survivor() { ${shellCommand(survivor.docker)} exec ${survivor.container} "$@"; }; }`,
  );
  const aside = `cd ${RABBITMQ_DATA_PATH}; [ ! -d mnesia ] || mv mnesia left-$(date +%Y%m%d-%H%M%S)`;
  return [
    "set -u",
    STOPPING_FUNCTION,
    "! stopping || exit 0",
    `find_survivor() { ${choose.join(" || ") || "false"}; }`,
    `there() { [ -n "$(${containerState(broker.docker, broker.container)})" ]; }`,
    `running() { [ "$(${containerState(broker.docker, broker.container)})" = running ]; }`,
    `refuse() { echo "${broker.container} may not leave: $1" >&2; exit 1; }`,
    "if ! find_survivor; then",
    // Alone in its own account, or without any other, it is the last and stays with the data.
    `  nodes=$(${docker} exec ${broker.container} ${apiCommand("nodes?columns=name,running")} 2>/dev/null) || nodes=`,
    `  case $nodes in *'},{'*) refuse "none of the others answers. Bring them back first" ;; esac`,
    ...survivors.map(
      (survivor) =>
        `  [ -n "$nodes" ] || [ -z "$(${containerState(survivor.docker, survivor.container)})" ] || refuse "neither it nor any of the others answers. Bring them back first"`,
    ),
    "  exit 0",
    "fi",
    `if echo "$nodes" | grep -qF '"${node}"'; then`,
    `  others=$(echo "$nodes" | tr '{' '\\n' | grep '"name":' | grep -vF '"${node}"')`,
    `  case $others in *'"running":false'*) refuse "another broker is down, and this one may be needed. Bring it back first: $nodes" ;; esac`,
    `  names=$(echo "$others" | sed 's/.*"name":"\\([^"]*\\)".*/\\1/')`,
    `  for name in $names; do survivor ${growQueues("$name")} >&2 || refuse "the quorum queues cannot be moved to $name"; done`,
    // What is not told is not taken for "none".
    `  look() { queues=$(survivor ${apiCommand(QUEUES)}) || refuse "the queues cannot be listed"; here=$(printf '%s\\n' "$queues" | ${ONE_A_LINE} | grep '"name":' | grep -F '"${node}"'); }`,
    "  look",
    `  only=$(echo "$here" | grep -E '"members":\\["${node}"\\]|"type":"classic"' | grep '"durable":true')`,
    `  [ -z "$only" ] || refuse "these queues are on it alone. Delete them or move their messages first: $only"`,
    // Before anything of it stops: a queue of two members needs both to let one go, and a broker that is drained has stopped its own.
    `  survivor ${apiCommand(`queues/quorum/replicas/on/${node}/shrink`, "--request", "DELETE", "--max-time", "60")} >&2 || refuse "its members of the quorum queues cannot be removed"`,
    // A queue that it led tells a moment later that another leads it now.
    `  deadline=$(( $(date +%s) + ${LED_ELSEWHERE_SECONDS} ))`,
    `  while look; member=$(echo "$here" | grep '"type":"quorum"'); do`,
    `    [ "$(date +%s)" -lt "$deadline" ] || refuse "these queues keep their members on it: $member"`,
    "    sleep 0.2",
    "  done",
    // It must not be started again to join anew; where it stays after all, it goes on as before.
    "  stay() {",
    `    if there; then ${docker} update --restart always ${broker.container} >/dev/null; fi`,
    `    if running; then ${docker} exec ${broker.container} rabbitmqctl --quiet start_app >&2; fi`,
    '    refuse "$1"',
    "  }",
    "  if there; then",
    `    ${docker} update --restart no ${broker.container} >/dev/null || exit 1`,
    `    if running; then ${docker} exec ${broker.container} rabbitmqctl --quiet stop_app >&2 || stay "it does not stop"; fi`,
    "  fi",
    `  survivor rabbitmqctl --quiet forget_cluster_node ${shellWord(node)} >&2 || stay "the others do not forget it"`,
    "fi",
    `if there; then ${docker} update --restart no ${broker.container} >/dev/null && ${docker} stop --time 60 ${broker.container} >/dev/null || exit 1; fi`,
    `${docker} run --rm --network none --user ${user} --cap-drop ALL --security-opt no-new-privileges -v ${volume}:${RABBITMQ_DATA_PATH} --entrypoint /bin/sh ${shellWord(image)} -c ${shellWord(aside)}`,
  ].join("\n");
}
