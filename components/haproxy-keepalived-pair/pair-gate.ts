import { nodeFilters } from "../core/naming";
import { shellCommand, shellWord } from "../core/shell";
import { pairProbe } from "./pair-command";

/**
 * The condition that a node does its job, and that every address is held by one node and no more.
 *
 * @param component Name of the component, by which the nodes are found on the engines of `dockers`: not by a list of them, so that one that
 *   comes or goes changes nothing for the others.
 */
export function pairWholeCondition(
  container: string,
  component: string,
  addresses: readonly string[],
  dockers: readonly (readonly string[])[],
): string {
  const ask = dockers
    .map(shellCommand)
    .map(
      (docker) =>
        `names=$(${docker} ps ${shellCommand(nodeFilters(component))}) || return 1; for name in $names; do held="$held $(${docker} exec "$name" /opt/pair/held 2>/dev/null)"; done;`,
    );
  return [
    `held_once() { held=; ${ask.join(" ")}`,
    `for address in ${addresses.map(shellWord).join(" ")}; do count=0; for each in $held; do [ "$each" != "$address" ] || count=$((count + 1)); done;`,
    `[ "$count" -eq 1 ] || { echo "$address is held by $count nodes"; return 1; }; done; };`,
    `$docker exec ${container} ${shellCommand(pairProbe())} && held_once`,
  ].join(" ");
}
