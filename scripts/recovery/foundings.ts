import { StateResource, nameOf } from "../state";

/** Age of a founding, in ms, from which on a run may outlast it: a cluster has to begin within an hour. */
const LATE = 1_800_000;

/**
 * URNs of the commands which found that a cluster may begin, a while ago, where its first node was never whole; and of those that handed it on.
 *
 * A first run that was cut, and is taken up the next day, would have its first node take itself for one that has lost its data.
 *
 * @param now In ms since 1970.
 */
export function lateFoundings(resources: readonly StateResource[], now: number): string[] {
  const names = new Set(resources.map(({ urn }) => nameOf(urn)));
  return resources
    .filter(({ urn, outputs }) => {
      const [, found] = /^found (\d+)$/.exec(String(outputs?.stdout).trim()) ?? [];
      const isLate = nameOf(urn).endsWith("-founding") && found !== undefined && now - Number(found) * 1000 > LATE;
      return isLate && !foundersOf(urn, resources).some((founder) => names.has(`${founder}-gate`));
    })
    .flatMap(({ urn }) => [urn, ...usersOf(urn, resources)]);
}

/** Nodes whose data volume was made after the founding: the first one. */
function foundersOf(founding: string, resources: readonly StateResource[]): string[] {
  return resources
    .filter(({ urn, dependencies = [] }) => dependencies.includes(founding) && urn.endsWith("-data"))
    .map(({ urn }) => nameOf(urn).replace(/-data$/, ""));
}

function usersOf(urn: string, resources: readonly StateResource[]): string[] {
  return resources
    .filter(({ propertyDependencies = {} }) => Object.values(propertyDependencies).some((used) => used?.includes(urn)))
    .map((user) => user.urn);
}
