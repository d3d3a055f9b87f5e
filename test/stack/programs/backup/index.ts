/** Systems that hold data, as many as the stack's configuration names, and what backs them up. */
import * as pulumi from "@pulumi/pulumi";
import {
  BackupSchedule,
  BackupTarget,
  ConsulCluster,
  EsCluster,
  Host,
  MysqlReplicaSet,
  Placement,
  RabbitmqCluster,
  RedisCache,
  ServiceNetwork,
  mysqlBackupUser,
  rabbitmqBackupUser,
  redisBackupUser,
} from "../../../../components";
import { plainJava } from "../java";

const config = new pulumi.Config("dockyard");
const { subnet, hosts } = config.requireObject<{ subnet: string; hosts: Readonly<Record<string, string>> }>("network");
const { all, port } = config.requireObject<{ all: boolean; port: number }>("systems");
const { target, ...backup } = config.requireObject<{ schedule?: string; keep?: number; target: BackupTarget & { secretKey?: string } }>(
  "backup",
);

const network = new ServiceNetwork("services", {
  placement: new Placement([new Host({ name: "local" })]),
  subnet,
  addresses: hosts,
});
const discovery = new ConsulCluster("discovery", { network, servers: 1, apiPort: port });
const mysql = new MysqlReplicaSet("mysql", {
  network,
  // A replica is dumped where there is one.
  replicas: all ? 1 : 0,
  port: port + 1,
  memoryMiB: 512,
  // Triggers and functions are brought back by somebody who is not root.
  settings: { log_bin_trust_function_creators: "ON" },
  databases: ["shop"],
  users: [{ name: "app", grants: [{ privileges: ["ALL"], database: "shop" }] }, mysqlBackupUser("backup", ["shop"])],
});
const cache = all
  ? new RedisCache("cache", {
      network,
      replicas: 0,
      port: port + 3,
      users: [{ name: "app", keys: ["*"], commands: ["+@read", "+@write", "+@connection", "+keys"] }, redisBackupUser("backup")],
    })
  : undefined;
const queue = all
  ? new RabbitmqCluster("queue", {
      network,
      brokers: 1,
      amqpPort: port + 4,
      managementPort: port + 5,
      users: [{ name: "app" }, rabbitmqBackupUser("backup")],
      permissions: [{ user: "app", configure: ".*", write: ".*", read: ".*" }],
    })
  : undefined;
const search = all ? new EsCluster("search", { network, nodes: 1, httpPort: port + 6, memoryMiB: 640, ...plainJava }) : undefined;

new BackupSchedule("backup", {
  network,
  ...backup,
  target: target.type === "bucket" ? { ...target, secretKey: pulumi.secret(target.secretKey ?? "") } : target,
  consul: { endpoints: discovery.endpoints },
  mysql: { endpoints: mysql.endpoints, user: "backup", password: mysql.password("backup") },
  ...(cache && { redis: { endpoints: cache.endpoints, user: "backup", password: cache.password("backup"), derived: ["derived:*"] } }),
  ...(queue && { rabbitmq: { endpoints: queue.api, user: "backup", password: queue.password("backup") } }),
  ...(search?.snapshots && { elasticsearch: { endpoints: search.endpoints, snapshots: search.snapshots, exclude: ["left-*"] } }),
});

export const passwords = {
  mysql: mysql.password("app"),
  ...(cache && { redis: cache.password("app") }),
  ...(queue && { rabbitmq: queue.password("app") }),
};
