import { nodeFilters } from "../core/naming";
import { shellCommand } from "../core/shell";
import { RABBITMQ_DATA_PATH, apiCommand, nodeName } from "./rabbitmq-conf";

/** A broker's container, and how to reach the engine that runs it. */
export interface Broker {
  readonly name: string;
  readonly docker: readonly string[];
  readonly container: string;
}

const NODES = "nodes?columns=name,running,mem_alarm,disk_free_alarm,partitions";

/**
 * The brokers that the others are asked through: at most three.
 *
 * Going from 3 to 5 and back changes nothing about the first three, not even what asks them.
 */
export function seedsOf(brokers: readonly Broker[]): readonly Broker[] {
  return brokers.slice(0, 3);
}

/** A shell command with which a broker is asked something. */
function ask({ docker, container }: Broker, path: string): string {
  return `${shellCommand(docker)} exec ${container} ${apiCommand(path)}`;
}

/** Shell words that print the line about a broker in `$nodes`. */
function rowOf(broker: Broker): string {
  return `echo "$nodes" | tr '{' '\\n' | grep -F '"${nodeName(broker.name)}"'`;
}

/**
 * The condition that a broker runs without an alarm, in a cluster whose brokers all run as far as they have a container.
 *
 * A broker that comes back to brokers which have no container yet waits for them: it passes, so that they are made. The last one, behind
 * which every container is there, waits for all. A broker that is new waits for nobody.
 *
 * @param component Name of the cluster, by which the brokers are found on the engines of `dockers`: not by a list of them, so that growing
 *   the cluster changes nothing for those who are there.
 */
export function brokerWholeCondition(broker: Broker, component: string, dockers: readonly (readonly string[])[]): string {
  const prefix = broker.container.slice(0, -broker.name.length);
  const list = dockers.map((docker) => shellCommand([...docker, "ps", "--all", ...nodeFilters(component, "{{.Names}}:{{.State}}")]));
  const file = `${RABBITMQ_DATA_PATH}/mnesia/${nodeName(broker.name)}/cluster_nodes.config`;
  const inCluster = [
    "for each in $made; do",
    `name=\${each%%:*}; row=$(echo "$nodes" | tr '{' '\\n' | grep -F "\\"${nodeName("${name#" + prefix + "}")}\\"");`,
    // One that has left its cluster is stopped, until its container goes.
    `case $row in *'"running":true'*) ;; '') [ "\${each#*:}" != running ] || return 1 ;; *) return 1 ;; esac; done;`,
  ];
  const lacksOne = [
    `for member in $(echo "$members" | grep -o "rabbit@[^']*"); do`,
    `case $made in *"${prefix}\${member#rabbit@}:"*) ;; *) return 0 ;; esac; done; return 1;`,
  ];
  return [
    `in_cluster() { ${inCluster.join(" ")} }; lacks_one() { ${lacksOne.join(" ")} };`,
    `made=$(${list.join(" && ")}) && {`,
    `{ nodes=$(${ask(broker, NODES)}) && echo "$nodes" && ${rowOf(broker)} | grep '"running":true' | grep -Eqv '_alarm":true|"partitions":\\["' && in_cluster; } ||`,
    `{ members=$($docker exec ${broker.container} cat ${file} 2>/dev/null) && lacks_one; }; }`,
  ].join(" ");
}

/**
 * The condition that the cluster and its quorum queues keep their majority without a broker.
 *
 * A broker that the others count as down can be spared; one that does not answer while they count it as running cannot be judged. With two
 * brokers, as they are on the way down to one, the other one must run.
 *
 * @param seeds Brokers that are asked where this one does not answer.
 */
export function brokerSpareCondition(broker: Broker, seeds: readonly Broker[]): string {
  const others = seeds.filter(({ name }) => name !== broker.name);
  const askOthers = others.map((other) => `nodes=$(${ask(other, NODES)} 2>/dev/null)`).join(" || ") || "false";
  const count = `/"name":/ { brokers++; if (!index($0, "\\"${nodeName(broker.name)}\\"") && /"running":true/) up++ }`;
  const verdict = `END { need = int(brokers / 2) + 1; if (need > brokers - 1) need = brokers - 1; if (up < need) { printf "%d of the other brokers run, and %d are needed\\n", up, need; exit 1 } exit brokers > 2 ? 3 : 0 }`;
  return [
    "spared() {",
    `if ! nodes=$(${ask(broker, NODES)} 2>/dev/null); then { ${askOthers}; } && ${rowOf(broker)} | grep -q '"running":true' || return 0; echo "it does not answer, and the others count on it"; return 1; fi;`,
    `echo "$nodes" | tr '{' '\\n' | awk '${count} ${verdict}'; case $? in 0) return 0 ;; 3) ;; *) return 1 ;; esac;`,
    `${ask(broker, "health/checks/node-is-quorum-critical")};`,
    "}; spared",
  ].join(" ");
}

/** Gives the quorum queues that are there a member on a broker which has just come; a broker that only came back has its members. */
export function growQueuesCommand(broker: Broker): string {
  return [
    "set -u",
    `if ! ${ask(broker, "overview?columns=node")} >/dev/null 2>&1; then exit 0; fi`,
    `${shellCommand(broker.docker)} exec ${broker.container} ${growQueues(nodeName(broker.name))} >&2`,
  ].join("\n");
}

/** Gives every quorum queue that lacks one a member on a node. */
export function growQueues(node: string): string {
  const strategy = JSON.stringify({ strategy: "all", vhost_pattern: ".*", queue_pattern: ".*" });
  const options = ["--request", "POST", "--header", "content-type: application/json", "--data", strategy, "--max-time", "60"];
  return apiCommand(`queues/quorum/replicas/on/${node}/grow`, ...options);
}
