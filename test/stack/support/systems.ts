/** The systems of the dev stack that `dockyard:without` can leave out. */
const OPTIONAL_SYSTEMS = ["rabbitmq", "ops", "mysql", "redis", "elasticsearch", "kafka", "cdn", "ci", "logs"] as const;
type OptionalSystem = (typeof OPTIONAL_SYSTEMS)[number];

/** `dockyard:without` of a stack that has these systems of the optional ones and no other: a test brings up what it is about. */
export function withoutAllBut(...systems: readonly OptionalSystem[]): OptionalSystem[] {
  return OPTIONAL_SYSTEMS.filter((system) => !systems.includes(system));
}

/** Ports that {@link smallSystems} takes. */
export const SYSTEM_PORTS = 32;

/** The systems of the dev stack's program, with their published ports from a free one on, and those that hold data no larger than they must be. */
export function smallSystems(port: number) {
  return {
    gateway: { publishedPort: port, publishedAdminPort: port + 1 },
    consul: { apiPort: port + 2 },
    rabbitmq: { amqpPort: port + 5, managementPort: port + 8 },
    proxy: { statsPort: port + 11 },
    mysql: { port: port + 13, memoryMiB: 640 },
    redis: { port: port + 17, replicas: 0 },
    elasticsearch: { httpPort: port + 18, memoryMiB: 768 },
    cdn: { port: port + 21 },
    kafka: { port: port + 22 },
    ci: { port: port + 25 },
  };
}
