import type { ImageName } from "../../../components/core/images";
import { CI_PORT, buildersTable } from "./builders-table";
import { Client, consulClient, httpClient, loginClient } from "./clients";
import { databasesTable } from "./databases-table";
import { elasticsearchClient, kafkaClient, mysqlClient, rabbitmqClient, redisClient } from "./heavy-clients";
import { APP, HEAVY_PROGRAM, NETWORKS, PORTS } from "./heavy-networks";
import { ENTRY, IMAGES, NETWORK, PORTS as LIGHT_PORTS, lightTable } from "./light-table";
import { messagesTable } from "./messages-table";
import { Table, at } from "./table";

/** Rows of the table that share a stack. */
export interface Group {
  /** What the stack's name ends with. */
  readonly name: string;

  /** Entry of its program, from the project's root. */
  readonly program: string;
  readonly network: { readonly subnet: string; readonly addresses: Readonly<Record<string, string>> };

  /** Host ports that the table takes, and the table from the first of them on. */
  readonly ports: number;
  readonly table: (port: number) => Table;

  /** Images of the components, which get another tag as well. */
  readonly images: Readonly<Record<string, ImageName>>;

  /**
   * Who uses which component while it is changed, by the component's name.
   *
   * @param label What the names of the stack's containers begin with.
   */
  readonly clients: (label: string) => Readonly<Record<string, Client>>;

  /** Who uses those of a single container, and has to wait while that is replaced. @param port First of the host ports. @default nobody */
  readonly waiting?: (port: number) => Readonly<Record<string, Client>>;
}

/** The components that are changed in seconds. */
export const LIGHT: Group = {
  name: "changes",
  program: "test/stack/programs/changes/program.cjs",
  network: NETWORK,
  ports: LIGHT_PORTS,
  table: lightTable,
  images: IMAGES,
  clients: (label) => {
    const { discovery, cdn } = NETWORK.addresses;
    return {
      discovery: consulClient(at(discovery, 8500, 3).map((server) => `http://${server}`)),
      // Through all of them. A busy machine may move the address by itself, from a node that has no time to leave in order: who asks there asks again.
      goods: httpClient("goods through the entry", [`${ENTRY}:8080`, `${ENTRY}:8080`], "/goods/1"),
      cdn: httpClient("cdn", at(cdn, 3128, 2), "/goods/1", { host: "cdn.test" }),
      ops: loginClient("ssh", label, ["ops-1", "ops-2"]),
    };
  },
};

const [{ name: user, password }, { messages, databases, builders }] = [APP, NETWORKS];

export const MESSAGES: Group = {
  name: "changes-messages",
  program: HEAVY_PROGRAM,
  network: messages,
  ports: PORTS,
  table: messagesTable,
  images: { queue: "rabbitmq", events: "kafka" },
  clients: () => ({
    queue: rabbitmqClient({ endpoints: at(messages.addresses.queue, 5672, 3), user, password }),
    events: kafkaClient({ brokers: at(messages.addresses.events, 9092, 3), user, password }, "things"),
  }),
};

export const DATABASES: Group = {
  name: "changes-databases",
  program: HEAVY_PROGRAM,
  network: databases,
  ports: PORTS,
  table: databasesTable,
  images: { mysql: "mysql", search: "elasticsearch", indexing: "binlog-sync", logs: "filebeat" },
  clients: () => ({
    mysql: mysqlClient({
      nodes: at(databases.addresses.mysql, 3306, 3).map((server) => server.replace(/:.*/, "")),
      user,
      password,
      database: "shop",
    }),
    search: elasticsearchClient(at(databases.addresses.search, 9200, 3).map((node) => `http://${node}`)),
  }),
};

export const BUILDERS: Group = {
  name: "changes-builders",
  program: HEAVY_PROGRAM,
  network: builders,
  ports: PORTS,
  table: buildersTable,
  images: { cache: "redis", backup: "backup", ci: "buildbot", "ci-git": "git-server" },
  clients: () => ({ cache: redisClient({ sentinels: at(builders.addresses["cache-sentinel"], 26379, 3), endpoints: [], user, password }) }),
  waiting: (port) => ({ ci: httpClient("ci", [`${builders.addresses.ci}:${port + CI_PORT}`], "/api/v2/builders") }),
};
