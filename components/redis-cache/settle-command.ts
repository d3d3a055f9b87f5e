import { shellCommand } from "../core/shell";
import { scriptCommand } from "./redis-conf";

/** A container, and how to reach the engine that runs it. */
export interface RedisContainer {
  readonly docker: readonly string[];
  readonly container: string;
}

/**
 * Brings what runs to what the files on its volume say: users, memory, persistence, and on the primary the functions and filters.
 *
 * Every node is told, and every refusal fails the run: what only looked applied would come to light at the next restart.
 */
export function settleCommand(servers: readonly RedisContainer[], sentinels: readonly RedisContainer[]): string {
  const settle = shellCommand(scriptCommand("settle"));
  const settleSentinel = shellCommand(scriptCommand("settle-sentinel"));
  return [
    "set -u",
    "failed=0",
    ...sentinels.map(
      ({ docker, container }) =>
        `${shellCommand(docker)} exec ${container} ${settleSentinel} >&2 || { echo "${container} does not take up its users" >&2; failed=1; }`,
    ),
    ...servers.map(
      ({ docker, container }) =>
        `${shellCommand(docker)} exec ${container} ${settle} >&2 || { echo "${container} does not take up its settings" >&2; failed=1; }`,
    ),
    "exit $failed",
  ].join("\n");
}
