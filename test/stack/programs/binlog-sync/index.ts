/** MySQL, Elasticsearch and what keeps the one's indices equal to the other's tables, as the stack's configuration says. */
import * as pulumi from "@pulumi/pulumi";
import { BinlogSync, BinlogSyncArgs, EsCluster, Host, MysqlReplicaSet, Placement, ServiceNetwork } from "../../../../components";
import { plainJava } from "../java";

const config = new pulumi.Config("dockyard");
const { subnet, mysql: firstServer, search: firstNode, indexing: service } = config.requireObject<Record<string, string>>("network");
const ports = config.requireObject<{ mysql: number; search: number }>("ports");
const settings = config.getObject<Pick<BinlogSyncArgs, "tables" | "indices">>("indexing");

const network = new ServiceNetwork("services", {
  placement: new Placement([new Host({ name: "local" })]),
  subnet: subnet ?? "",
  addresses: { mysql: firstServer ?? "", search: firstNode ?? "", indexing: service ?? "" },
});
const mysql = new MysqlReplicaSet("mysql", {
  network,
  port: ports.mysql,
  memoryMiB: 512,
  databases: ["shop", "shop_1", "shop_2"],
  users: [
    {
      name: "app",
      grants: ["shop", "shop_1", "shop_2"].map((database) => ({ privileges: ["ALL"], database })),
    },
    {
      name: "indexing",
      requireTls: true,
      grants: [
        { privileges: ["REPLICATION SLAVE"], database: "*" },
        ...["shop", "shop_1", "shop_2"].map((database) => ({ privileges: ["SELECT"], database })),
      ],
    },
  ],
});
const search = new EsCluster("search", { network, nodes: 1, httpPort: ports.search, memoryMiB: 640, snapshots: false, ...plainJava });
if (settings) {
  new BinlogSync("indexing", {
    network,
    source: { endpoints: mysql.endpoints, user: "indexing", password: mysql.password("indexing") },
    elasticsearch: search.endpoints,
    ...settings,
  });
}

export const servers = mysql.endpoints.map(({ host }) => host);
export const nodes = search.endpoints.map((endpoint) => endpoint.url("http"));
export const password = mysql.password("app");
