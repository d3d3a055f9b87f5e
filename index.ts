import { dirname, join } from "node:path";
import {
  BinlogSync,
  ConsulCluster,
  EsCluster,
  HaproxyKeepalivedPair,
  Host,
  KafkaBroker,
  MysqlReplicaSet,
  NginxUpsyncGateway,
  Placement,
  RabbitmqCluster,
  RedisCache,
  ServiceNetwork,
  SquidCdn,
} from "./components";
import { backupUsers, createBackup } from "./stack/backup";
import { readStackConfig } from "./stack/config";
import { createLogs, createRequestStream } from "./stack/logs";
import { createShop } from "./stack/shop";
import { createWorkshop } from "./stack/workshop";

const config = readStackConfig();

const backingUp = backupUsers(config);

const local = new Host({ name: "local" });
const network = new ServiceNetwork("services", { placement: new Placement([local]), ...config.network });

const discovery = new ConsulCluster("discovery", { network, ...config.consul, allowDataLoss: config.allowDataLoss });

const queue = config.without.has("rabbitmq")
  ? undefined
  : new RabbitmqCluster("queue", {
      network,
      ...config.rabbitmq,
      users: [{ name: "orders" }, { name: "admin", tags: ["administrator"] }, ...backingUp.rabbitmq],
      permissions: [
        { user: "orders", configure: "^orders", write: "^orders", read: "^orders" },
        { user: "admin", configure: ".*", write: ".*", read: ".*" },
      ],
      allowDataLoss: config.allowDataLoss,
    });

const mysql = config.without.has("mysql")
  ? undefined
  : new MysqlReplicaSet("mysql", {
      network,
      ...config.mysql,
      databases: ["shop"],
      users: [
        { name: "goods", grants: [{ privileges: ["SELECT", "INSERT", "UPDATE", "DELETE", "CREATE"], database: "shop" }] },
        {
          name: "indexing",
          requireTls: true,
          grants: [
            { privileges: ["REPLICATION SLAVE"], database: "*" },
            { privileges: ["SELECT"], database: "shop" },
          ],
        },
        ...backingUp.mysql,
      ],
      allowDataLoss: config.allowDataLoss,
    });

/** One address for all brokers and one for the databases, whichever of them and of the proxies is there. */
const proxied = {
  ...(queue && {
    rabbitmq: {
      port: 5600,
      servers: Object.fromEntries(queue.endpoints.map((endpoint, index) => [`queue-${index + 1}`, { endpoint }])),
    },
  }),
  ...(mysql && { mysql: { port: 3306, ...mysql.writes }, "mysql-read": { port: 3307, ...mysql.reads } }),
};
const proxy =
  Object.keys(proxied).length === 0
    ? undefined
    : new HaproxyKeepalivedPair("proxy", {
        network,
        nodes: config.proxy.nodes,
        haproxy: { listens: proxied, stats: { publishedPort: config.proxy.statsPort } },
        keepalived: { instances: { proxy: { addresses: [config.virtualAddresses.proxy] } } },
      });

const cache = config.without.has("redis")
  ? undefined
  : new RedisCache("cache", {
      network,
      ...config.redis,
      users: [
        { name: "goods", keys: ["goods:*"] },
        { name: "gateway", keys: ["gateway:*", "%R~goods:known*", "%R~goods:filled"] },
        ...backingUp.redis,
      ],
      filters: [{ name: "goods:known", errorRate: 0.001, capacity: 200_000 }],
      allowDataLoss: config.allowDataLoss,
    });

const search = config.without.has("elasticsearch")
  ? undefined
  : new EsCluster("search", { network, ...config.elasticsearch, allowDataLoss: config.allowDataLoss });

if (mysql && search) {
  new BinlogSync("indexing", {
    network,
    source: { endpoints: mysql.endpoints, user: "indexing", password: mysql.password("indexing") },
    elasticsearch: search.endpoints,
    tables: [{ tables: "shop.goods", index: "goods" }],
    indices: {
      goods: {
        settings: { refresh_interval: "500ms" },
        properties: { id: { type: "long" }, name: { type: "text" }, price: { type: "integer" } },
      },
    },
  });
}

const events = config.without.has("kafka")
  ? undefined
  : new KafkaBroker("events", {
      network,
      ...config.kafka,
      topics: [{ name: "access-log", partitions: 6, settings: { "retention.ms": 86_400_000 } }],
      users: [{ name: "gateway-log" }, { name: "traffic" }],
      acls: [
        { user: "gateway-log", topic: "access-log", operations: ["write", "describe"] },
        { user: "traffic", topic: "access-log", operations: ["read"] },
        { user: "traffic", group: "traffic-", prefixed: true, operations: ["read"] },
      ],
      allowDataLoss: config.allowDataLoss,
    });

/** Where logs go, if they go anywhere. */
const searched = config.without.has("logs") ? undefined : search;

/** The filter of goods, which the service fills where they are in a database. */
const knownGoods = mysql && cache && { filter: { name: "goods:known", pattern: "^/goods/([0-9]+)$", filledKey: "goods:filled" } };

const gateway = new NginxUpsyncGateway("gateway", {
  network,
  consul: { servers: discovery.client.endpoints },
  services: {
    goods: { path: "/goods/" },
    order: { path: "/orders/" },
    ...(queue && { statistics: { path: "/statistics" } }),
    ...(events && { traffic: { path: "/traffic" } }),
  },
  // Faster than anybody types a password, slower than who tries them all.
  limits: { login: { rate: "60r/m", burst: 5, nodelay: true } },
  guardedPaths: [{ service: "order", path: "/login", match: "exact", limits: ["login"] }],
  ...(cache && {
    redis: {
      endpoints: cache.endpoints,
      sentinels: cache.sentinels,
      primaryName: cache.primaryName,
      user: "gateway",
      password: cache.password("gateway"),
    },
    lua: { locations: { hello: { path: "/hello", file: join(dirname(__filename), "apps", "gateway", "hello.lua") } } },
  }),
  ...(config.tiers.rate !== undefined && { tiers: { goods: { ...config.tiers, ...knownGoods } } }),
  ...config.gateway,
  // Ten minutes of a thousand requests a second wait there while those who read them cannot write.
  ...((searched ?? events) && { logMiB: config.logs.gatewayMiB ?? 512 }),
  allowDataLoss: config.allowDataLoss,
});

const cdn = config.without.has("cdn")
  ? undefined
  : new SquidCdn("cdn", {
      network,
      origins: [gateway.internal],
      // By which it is reached where it is published.
      domains: ["127.0.0.1", "localhost"],
      // An article that is changed is another one within a minute.
      expiry: [{ pattern: "^/goods/", minMinutes: 1, maxMinutes: 1 }],
      // As the gateway's: what hits the cache is a third of a line as long, and there is less of it.
      ...(searched && { logMiB: 128 }),
      ...config.cdn,
      allowDataLoss: config.allowDataLoss,
    });

const logs = searched && createLogs({ host: local, network, search: searched }, config);
if (events) createRequestStream(network, events, config);

createShop({ network, discovery, gateway, proxy, queue, mysql, cache, search, events }, config);
const ci = createWorkshop(network, config);
createBackup({ network, discovery, queue, mysql, cache, search }, config);

/** Where the stack is reached, by name; other stacks and tools read it. */
export const endpoints = {
  gateway: gateway.endpoint.url("http"),
  gatewayStatus: `${gateway.admin.url("http")}/__gateway/upstreams`,
  gatewayMetrics: `${gateway.admin.url("http")}/metrics`,
  consul: discovery.api[0]?.url("http"),
  ...(queue && { rabbitmq: proxy?.endpoints.rabbitmq?.url("amqp"), rabbitmqManagement: queue.management[0]?.url("http") }),
  ...(mysql && { mysql: proxy?.endpoints.mysql?.url("mysql"), mysqlRead: proxy?.endpoints["mysql-read"]?.url("mysql") }),
  ...(cache && { redis: cache.published[0]?.url("redis") }),
  ...(search && { elasticsearch: search.http[0]?.url("http") }),
  ...(events && { kafka: events.published.join(",") }),
  ...(ci && { ci: ci.published.url("http") }),
  ...(logs?.kibana && { kibana: logs.kibana.url("http") }),
  ...(proxy && { haproxyStats: proxy.stats[0] }),
  ...(cdn && { cdn: cdn.published[0]?.url("http") }),
};

/** Logins of people, by the endpoint that they are for; secrets. */
export const logins = {
  ...(queue && { rabbitmqManagement: { user: "admin", password: queue.password("admin") } }),
  ...(mysql && { mysql: { user: "goods", password: mysql.password("goods") } }),
  ...(cache && { redis: { user: "goods", password: cache.password("goods") } }),
  ...(events && { kafka: { user: "traffic", password: events.password("traffic") } }),
  ...(ci && { ci: { user: "admin", password: ci.password("admin") } }),
  ...(proxy && { haproxyStats: proxy.statsLogin }),
};
