import { nodeFilters } from "../core/naming";
import { shellCommand, shellWord } from "../core/shell";
import { QUORUM, scriptCommand, sentinelProbe, serverProbe } from "./redis-conf";

type Dockers = readonly (readonly string[])[];

/** Component that the Sentinels belong to, in the labels: they are counted apart from the servers. */
export function sentinelComponent(component: string): string {
  return `${component}-sentinel`;
}

/**
 * The condition that a server has loaded its data and is the primary on which the Sentinels agree, or has all that its primary has.
 *
 * A replica whose primary has no container yet passes, so that the primary is made.
 *
 * @param component Name of the cache, by which the servers are found on the engines of `dockers`: not by a list of them, so that growing
 *   the cache changes nothing for those who are there.
 */
export function serverWholeCondition(container: string, component: string, dockers: Dockers): string {
  const list = dockers.map((docker) => shellCommand([...docker, "ps", "--all", ...nodeFilters(component, '{{.Label "dockyard.node"}}')]));
  return `made=$(${list.join(" && ")}) && $docker exec ${container} ${shellCommand(scriptCommand("whole"))} $made`;
}

/**
 * The condition that the other servers have all that this one has, and that one of them is the primary.
 *
 * Where this one is it, it hands over. One that does not answer is spared already.
 */
export function serverSpareCondition(container: string, component: string, dockers: Dockers): string {
  const standing = shellCommand(scriptCommand("standing"));
  return [
    `spared() { ${eachOther(container, component, dockers, `saw=$(DOCKER exec "$name" ${standing} 2>&1) || { echo "$name: $saw"; return 1; };`)}`,
    `[ -n "$others" ] || return 0;`,
    `$docker exec ${container} ${shellCommand(scriptCommand("hand-over"))}; };`,
    `$docker exec ${container} ${shellCommand(serverProbe())} >/dev/null 2>&1 || exit 0; spared`,
  ].join(" ");
}

/** The condition that a Sentinel answers. */
export function sentinelWholeCondition(container: string): string {
  return `$docker exec ${container} ${shellCommand(sentinelProbe())}`;
}

/** The condition that the other Sentinels are a majority without this one; where all of them go, there are fewer left to ask. */
export function sentinelSpareCondition(container: string, component: string, dockers: Dockers): string {
  const probe = shellCommand(sentinelProbe());
  return [
    `spared() { answers=0; made=0; ${eachOther(container, sentinelComponent(component), dockers, `made=$((made + 1)); if DOCKER exec "$name" ${probe} >/dev/null 2>&1; then answers=$((answers + 1)); fi;`)}`,
    `[ "$made" -lt ${QUORUM} ] || [ "$answers" -ge ${QUORUM} ] || { echo "$answers of the other Sentinels answer, and ${QUORUM} are needed"; return 1; }; };`,
    `$docker exec ${container} ${probe} >/dev/null 2>&1 || exit 0; spared`,
  ].join(" ");
}

/** Shell words that do something with every other container of a component, as `$name`; where it says DOCKER, its engine is asked. */
function eachOther(container: string, component: string, dockers: Dockers, work: string): string {
  const loops = dockers.map((docker) => {
    const list = shellCommand([...docker, "ps", "--all", ...nodeFilters(component)]);
    const asked = work.replaceAll("DOCKER", shellCommand(docker));
    return `names=$(${list}) || return 1; for name in $names; do [ "$name" != ${shellWord(container)} ] || continue; others="$others $name"; ${asked} done;`;
  });
  return `others=; ${loops.join(" ")}`;
}
