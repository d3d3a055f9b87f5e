import { APP } from "./heavy-networks";
import { ROTATION, absent, byTransform, elsewhere, labelled, madeElsewhere, remembered, tagged, unstartable } from "./made";
import { Table, oneSet } from "./table";

/** RabbitMQ and Kafka. @param port First of the free ports of the host. */
export function messagesTable(port: number): Table {
  const [rabbitmq, kafka] = ["queue/rabbitmq-cluster.test.ts", "streams/kafka-broker.test.ts"];
  const [live, topics] = ["adds, changes and removes users, permissions, policies", "changes topics, users and rights while it runs"];
  return {
    queue: {
      args: {
        brokers: 3,
        amqpPort: port,
        managementPort: null,
        users: [APP],
        permissions: [{ user: "app", configure: ".*", write: ".*", read: ".*" }],
      },
      sets: oneSet("queue", "brokers"),
      changes: {
        environment: byTransform,
        port: { args: { amqpPort: port + 5 }, effect: "rolled" },
        label: labelled,
        image: tagged("rabbitmq"),
        configuration: madeElsewhere("reloaded", rabbitmq, live),
        secret: madeElsewhere("reloaded", ...ROTATION),
        // The broker is told at its start at how much of the limit it blocks publishers.
        memory: { args: { memoryMiB: 640 }, effect: "rolled" },
        nodes: madeElsewhere("grown", rabbitmq, "grows to five and shrinks to three"),
      },
      faults: {
        image: unstartable("/usr/lib/rabbitmq/bin/rabbitmq-server"),
        configuration: elsewhere(rabbitmq, "keeps a vhost that still has queues, and says so"),
        majority: { args: { brokers: 4 }, said: "queue.brokers: must be 1, 3, 5 or 7; an even number cannot hold a majority" },
        needed: { nodes: ["queue-3"] },
      },
      down: elsewhere(rabbitmq, "comes back with its messages after npm run down"),
    },
    events: {
      args: {
        brokers: 3,
        port: port + 10,
        memoryMiB: 640,
        heapMiB: 256,
        topics: [{ name: "things", partitions: 4 }],
        users: [APP],
        acls: [
          { user: "app", topic: "things", operations: ["read", "write"] },
          { user: "app", group: "t-", prefixed: true, operations: ["read"] },
        ],
      },
      sets: oneSet("events", "brokers"),
      changes: {
        environment: byTransform,
        port: { args: { port: port + 15 }, effect: "rolled" },
        label: labelled,
        image: tagged("kafka"),
        configuration: madeElsewhere("left", kafka, topics),
        secret: madeElsewhere("left", ...ROTATION),
        memory: remembered(704),
        nodes: madeElsewhere("grown", kafka, "grows from one broker to three without touching the first"),
      },
      faults: {
        image: unstartable("/usr/bin/java"),
        configuration: absent("its arguments allow none that a broker would refuse at its start"),
        majority: { args: { brokers: 2 }, said: "events.brokers: must be 1, or 3 to 9" },
        needed: elsewhere(kafka, "refuses to roll while a broker is away, naming it"),
      },
      down: elsewhere(kafka, "finds what it acknowledged until it was down"),
    },
  };
}
