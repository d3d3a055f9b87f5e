import * as pulumi from "@pulumi/pulumi";
import { Command } from "@pulumi/command/local/command";
import { Container } from "@pulumi/docker/container";
import { Host, Placement } from "./host";
import { engineName, nodeFilters } from "./naming";
import { containerState, heredoc, shellCommand, shellWord } from "./shell";
import { STOPPING_FUNCTION } from "./stopping";

/** Status of a condition that no wait makes true. */
const HOPELESS_STATUS = 3;

/** Restarts of a new container after which its gate no longer waits: it does not start at all. */
const HOPELESS_RESTARTS = 4;

/** Seconds for which a node that cannot be spared is waited for: another one may be on its way back. `DOCKYARD_SPARE_SECONDS` says otherwise for one run. */
const SPARE_SECONDS = 60;

/**
 * Looks in quick succession; a wait that is longer looks once a second, since each look starts processes, and many gates that look five times
 * a second would take the CPU which their nodes need to become whole.
 */
const QUICK_LOOKS = 15;

/** Seconds that one look at a node may take; an engine that does not answer must not hold up the gate's own deadline. */
const LOOK_SECONDS = 20;

export interface GateArgs {
  host: Host;

  /**
   * Shell condition, run on the program's machine with `$docker` set; it succeeds when the node is whole and else prints what it sees. With the
   * status 3 it says that somebody has to do something first: nobody waits for that.
   */
  whole: string;

  /** Shell condition that the others can do without the node for a while; else it prints why not. @default always */
  spare?: string;

  /** Seconds until the gate fails with what it saw last. @default 120 */
  timeoutSeconds?: number;

  /** Processes and threads that the container may have. @default 512 */
  pids?: number;

  /** The node's container; its replacement is what the gate is run for. */
  container: Container;

  /** Other outputs whose change makes the gate run again. @default none */
  triggers?: readonly pulumi.Input<string>[];
}

/**
 * A resource that keeps a roll safe on both sides of a node's replacement.
 *
 * It is deleted before its container is, and refuses that while the others cannot do without the node. It is created after the container,
 * and fails until the node is whole again, so that nothing which depends on it is touched before. A hook would only warn: what must stop a
 * roll has to be a resource.
 */
export function createGate(name: string, node: string, args: GateArgs, opts: pulumi.CustomResourceOptions): Command {
  return new Command(
    name,
    {
      create: renderGateCommand(engineName(node), args),
      ...(args.spare !== undefined && { delete: renderSpareCommand(engineName(node), { ...args, spare: args.spare }) }),
      triggers: [args.container.id, ...(args.triggers ?? [])],
    },
    { ...opts, deleteBeforeReplace: true },
  );
}

/** The condition that the container's own health command succeeds. */
export function healthCondition(container: string, command: readonly string[]): string {
  return `$docker exec ${container} ${shellCommand(command)}`;
}

/** The wait for a node to be whole; a container that cannot even start is not waited for, nor is one that somebody has to look at. */
export function renderGateCommand(
  container: string,
  { host, whole, timeoutSeconds = 120, pids = 512 }: Omit<GateArgs, "container">,
): string {
  return [
    ...look(host, whole, timeoutSeconds),
    `deadline=$(($(date +%s) + ${timeoutSeconds}))`,
    "limited=; looks=0",
    // A container that has just ended and is about to start again cannot be limited.
    `limit() { [ -n "$limited" ] || { saw=$($docker update --pids-limit ${pids} ${container} 2>&1) && limited=1; }; }`,
    `restarts() { $docker inspect -f '{{.RestartCount}}' ${container}; }`,
    "restarts=$(restarts) || exit 1",
    "until limit && look; do",
    `  if [ "$(date +%s)" -ge "$deadline" ] || [ "\${status:-0}" -eq ${HOPELESS_STATUS} ] || [ "$(restarts)" -ge "$((restarts + ${HOPELESS_RESTARTS}))" ]; then`,
    `    { echo "${container} does not become whole: $saw"; echo "its last words:"; $docker logs --tail 20 ${container} 2>&1; } >&2`,
    "    exit 1",
    "  fi",
    "  later",
    "done",
  ].join("\n");
}

/**
 * The wait until a node can be spared, before anything of it is taken away.
 *
 * Nobody is asked where the whole stack stops. A node that does not run is spared already: what replaces it can only help.
 */
export function renderSpareCommand(container: string, { host, spare }: { host: Host; spare: string }): string {
  return [
    ...look(host, spare, SPARE_SECONDS),
    `state=$(${containerState(host.docker, container)}) || exit 1`,
    STOPPING_FUNCTION,
    'if ! stopping && [ "$state" = running ]; then',
    `  deadline=$(($(date +%s) + \${DOCKYARD_SPARE_SECONDS:-${SPARE_SECONDS}})); looks=0`,
    "  until look; do",
    `    if [ "$(date +%s)" -ge "$deadline" ]; then echo "${container} cannot be spared now: $saw" >&2; exit 1; fi`,
    "    later",
    "  done",
    "fi",
  ].join("\n");
}

/** Shell functions `look`: whether a condition holds now, what it printed is in `$saw`; and `later`: the pause before the next look. */
function look(host: Host, condition: string, deadlineSeconds: number): string[] {
  const seconds = Math.min(LOOK_SECONDS, deadlineSeconds);
  return [
    "set -u",
    `export docker=${shellWord(shellCommand(host.docker))}`,
    `${heredoc("condition=$(cat", condition)}\n)`,
    `look() { saw=$(timeout ${seconds} sh -c "$condition" 2>&1); status=$?; [ $status -ne 124 ] || saw="no answer within ${seconds} s: $saw"; return $status; }`,
    `later() { looks=$((looks + 1)); if [ "$looks" -gt ${QUICK_LOOKS} ]; then sleep 1; else sleep 0.2; fi; }`,
  ];
}

/** The condition that another node of the component is healthy, or that there is no other, or that this one is not healthy either. */
export function siblingCondition(component: string, node: string, { dockers }: Placement, health: readonly string[]): string {
  const own = engineName(node);
  const ask = dockers
    .map(shellCommand)
    .map(
      (docker) =>
        `names=$(${docker} ps --all ${shellCommand(nodeFilters(component))}) || return 1; for name in $names; do [ "$name" = ${own} ] || { others="$others $name"; ${docker} exec "$name" ${shellCommand(health)} >/dev/null 2>&1 && return 0; }; done;`,
    );
  return [
    `spared() { others=; ${ask.join(" ")}`,
    `[ -n "$others" ] && $docker exec ${own} ${shellCommand(health)} >/dev/null 2>&1 || return 0;`,
    `echo "none of the others is healthy:$others"; return 1; }; spared`,
  ].join(" ");
}
