/** Servers of every kind whose secrets can be rotated, and the shop's services that log in to them. */
import * as pulumi from "@pulumi/pulumi";
import {
  AppService,
  ConsulCluster,
  Host,
  KafkaBroker,
  MysqlReplicaSet,
  Placement,
  RabbitmqCluster,
  RedisCache,
  ServiceNetwork,
  SshKeyMesh,
  SshNodes,
  imageReference,
} from "../../../../components";
import { plainJava } from "../java";

const config = new pulumi.Config("dockyard");
const { subnet, first } = config.requireObject<{ subnet: string; first: string }>("network");

const at = (host: number) => first.replace(/\d+$/, String(host));
const network = new ServiceNetwork("services", {
  placement: new Placement([new Host({ name: "local" })]),
  subnet,
  addresses: { discovery: at(21), queue: at(31), goods: at(41), order: at(51), mysql: at(61), cache: at(71), events: at(81), ops: at(91) },
});
// A leader is not to lose its office to whatever else the machine is busy with: votes and writes know nothing of the gossip's key.
const discovery = new ConsulCluster("discovery", { network, apiPort: null, raftMultiplier: 5 });
const mysql = new MysqlReplicaSet("mysql", {
  network,
  replicas: 1,
  port: null,
  databases: ["shop"],
  users: [{ name: "goods", grants: [{ privileges: ["SELECT", "INSERT", "UPDATE", "DELETE", "CREATE"], database: "shop" }] }],
});
const cache = new RedisCache("cache", { network, replicas: 0, port: null, users: [{ name: "goods", keys: ["goods:*"] }] });
const queue = new RabbitmqCluster("queue", {
  network,
  amqpPort: null,
  managementPort: null,
  users: [{ name: "orders" }],
  permissions: [{ user: "orders", configure: ".*", write: ".*", read: ".*" }],
});
const events = new KafkaBroker("events", {
  ...plainJava,
  network,
  brokers: 1,
  port: null,
  topics: [{ name: "visits", partitions: 1 }],
  users: [{ name: "visitor" }],
  acls: [{ user: "visitor", topic: "visits", operations: ["read", "write", "describe"] }],
});
const ops = SshNodes.describe("ops", { network, nodes: 2 });
const mesh = new SshKeyMesh("mesh", { nodes: ops });
new SshNodes("ops", { network, members: ops.map(({ name }) => mesh.member(name)) });

const shop = {
  network,
  consul: discovery.client,
  image: imageReference("shop"),
  command: ["node", "/app/shop.js"],
  user: "10001:10001",
  health: { command: ["/app/probe"] },
  ports: { http: 8000, rpc: 9000 },
  instances: 1,
};
new AppService("goods", {
  ...shop,
  environment: {
    DATABASE_NAME: "shop",
    DATABASE_WRITE: String(mysql.endpoints[0]),
    DATABASE_READ: String(mysql.endpoints[1]),
    DATABASE_USER: "goods",
    DATABASE_PASSWORD_FILE: "/run/secrets/current/database-password",
    CACHE_ENDPOINTS: cache.endpoints.join(","),
    CACHE_NAME: cache.primaryName,
    CACHE_USER: "goods",
    CACHE_PASSWORD_FILE: "/run/secrets/current/cache-password",
  },
  secrets: {
    "database-password": mysql.password("goods"),
    "cache-password": cache.password("goods"),
    "visitor-password": events.password("visitor"),
  },
  memoryMiB: 192,
});
new AppService("order", {
  ...shop,
  environment: {
    AMQP_ENDPOINTS: queue.endpoints.join(","),
    AMQP_USER: "orders",
    AMQP_PASSWORD_FILE: "/run/secrets/current/amqp-password",
    DATA_FOLDER: "/data",
  },
  secrets: { "amqp-password": queue.password("orders") },
  dataPath: "/data",
});

export const endpoints = {
  consul: discovery.endpoints.map(String),
  mysql: mysql.endpoints.map(String),
  cache: cache.endpoints.map(String),
  queue: queue.endpoints.map(String),
  events: events.endpoints.map(String),
};
