import * as pulumi from "@pulumi/pulumi";
import { Command } from "@pulumi/command/local/command";
import { Container } from "@pulumi/docker/container";
import { Host } from "./host";
import { engineName } from "./naming";
import { shellCommand, shellWord } from "./shell";

export interface GateArgs {
  host: Host;

  /** Shell condition, run on the program's machine with `$docker` set; it succeeds when the node is whole and else prints what it sees. */
  condition: string;

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
 * A resource that fails until a node is whole again, so that nothing which depends on it is touched before.
 *
 * A hook would only warn: what must stop a roll has to be a resource.
 */
export function createGate(name: string, node: string, args: GateArgs, opts: pulumi.CustomResourceOptions): Command {
  return new Command(
    name,
    {
      create: renderGateCommand(engineName(node), args),
      triggers: [args.container.id, ...(args.triggers ?? [])],
    },
    opts,
  );
}

/** The condition that the container's own health command succeeds. */
export function healthCondition(container: string, command: readonly string[]): string {
  return `$docker exec ${container} ${shellCommand(command)}`;
}

export function renderGateCommand(
  container: string,
  { host, condition, timeoutSeconds = 120, pids = 512 }: Omit<GateArgs, "container">,
): string {
  return [
    "set -u",
    `docker=${shellWord(shellCommand(host.docker))}`,
    `deadline=$(($(date +%s) + ${timeoutSeconds}))`,
    `$docker update --pids-limit ${pids} ${container} >/dev/null || exit 1`,
    `until saw=$( { ${condition}; } 2>&1); do`,
    '  if [ "$(date +%s)" -ge "$deadline" ]; then',
    `    { echo "${container} is not whole after ${timeoutSeconds} s: $saw"; echo "its last words:"; $docker logs --tail 20 ${container} 2>&1; } >&2`,
    "    exit 1",
    "  fi",
    "  sleep 0.2",
    "done",
  ].join("\n");
}
