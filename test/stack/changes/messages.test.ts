import { describeChanges } from "./changes-tests";
import { kafkaClient, rabbitmqClient } from "./heavy-clients";
import { APP, HEAVY_PROGRAM, NETWORKS, PORTS } from "./heavy-networks";
import { messagesTable } from "./messages-table";
import { at } from "./table";

const { addresses } = NETWORKS.messages;
const { name: user, password } = APP;

describeChanges({
  name: "test-changes-messages",
  program: HEAVY_PROGRAM,
  network: NETWORKS.messages,
  ports: PORTS,
  table: messagesTable,
  images: { queue: "rabbitmq", events: "kafka" },
  clients: () =>
    Promise.resolve([
      rabbitmqClient({ endpoints: at(addresses.queue, 5672, 3), user, password }),
      kafkaClient({ brokers: at(addresses.events, 9092, 3), user, password }, "things"),
    ]),
});
