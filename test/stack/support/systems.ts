/** The systems of the dev stack that `dockyard:without` can leave out. */
const OPTIONAL_SYSTEMS = ["rabbitmq", "ops", "mysql", "redis", "elasticsearch", "kafka", "cdn", "ci", "logs"] as const;
type OptionalSystem = (typeof OPTIONAL_SYSTEMS)[number];

/** `dockyard:without` of a stack that has these systems of the optional ones and no other: a test brings up what it is about. */
export function withoutAllBut(...systems: readonly OptionalSystem[]): OptionalSystem[] {
  return OPTIONAL_SYSTEMS.filter((system) => !systems.includes(system));
}
