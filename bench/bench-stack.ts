import { withoutAllBut } from "../test/stack/support/systems";
import { TestStack, freePorts } from "../test/stack/support/test-stack";

/** A stack of the bench's own, with the addresses that the measurements need. */
export async function benchStack(settings: Record<string, unknown> = {}) {
  const port = await freePorts(32);
  const stack = await TestStack.create("bench", {
    network: { subnet: "10.198.0.0/24" },
    gateway: { publishedPort: port, publishedAdminPort: port + 1 },
    consul: { apiPort: port + 2 },
    goods: { instances: 3 },
    order: { instances: 2 },
    rabbitmq: { amqpPort: port + 5, managementPort: port + 8 },
    proxy: { statsPort: port + 11 },
    mysql: { port: port + 13, memoryMiB: 640 },
    redis: { port: port + 17, replicas: 0 },
    elasticsearch: { httpPort: port + 18, memoryMiB: 768 },
    cdn: { port: port + 21 },
    kafka: { port: port + 22 },
    ci: { port: port + 25 },
    // Brokers and databases would take from the machine what is measured.
    without: withoutAllBut("ops"),
    ...settings,
  });
  const url = (offset: number) => `http://127.0.0.1:${port + offset}`;
  return { stack, gateway: url(0), admin: url(1), consul: url(2), firstBroker: `127.0.0.1:${port + 5}` };
}
