import { describeChanges } from "./changes-tests";
import { databasesTable } from "./databases-table";
import { elasticsearchClient, mysqlClient } from "./heavy-clients";
import { APP, HEAVY_PROGRAM, NETWORKS, PORTS } from "./heavy-networks";
import { at } from "./table";

const { addresses } = NETWORKS.databases;
const nodes = at(addresses.mysql, 3306, 3).map((server) => server.replace(/:.*/, ""));

describeChanges({
  name: "test-changes-databases",
  program: HEAVY_PROGRAM,
  network: NETWORKS.databases,
  ports: PORTS,
  table: databasesTable,
  images: { mysql: "mysql", search: "elasticsearch", indexing: "binlog-sync", logs: "filebeat" },
  clients: () =>
    Promise.resolve([
      mysqlClient({ nodes, user: APP.name, password: APP.password, database: "shop" }),
      elasticsearchClient(at(addresses.search, 9200, 3).map((node) => `http://${node}`)),
    ]),
});
