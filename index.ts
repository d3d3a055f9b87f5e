import { dirname, join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import {
  AppService,
  BinlogSync,
  CiServer,
  ConsulCluster,
  ElkPipeline,
  EsCluster,
  GitServer,
  HaproxyKeepalivedPair,
  Host,
  KafkaBroker,
  KIBANA_IMAGE,
  LOGSTASH_IMAGE,
  MysqlReplicaSet,
  NginxUpsyncGateway,
  Placement,
  RabbitmqCluster,
  RedisCache,
  ServiceNetwork,
  SquidCdn,
  SshKeyMesh,
  SshNodes,
  imageReference,
} from "./components";
import { readStackConfig } from "./stack/config";

const config = readStackConfig();

const local = new Host({ name: "local" });
const network = new ServiceNetwork("services", { placement: new Placement([local]), ...config.network });

const discovery = new ConsulCluster("discovery", { network, ...config.consul, allowDataLoss: config.allowDataLoss });

const queue = config.without.has("rabbitmq")
  ? undefined
  : new RabbitmqCluster("queue", {
      network,
      ...config.rabbitmq,
      users: [{ name: "orders" }, { name: "admin", tags: ["administrator"] }],
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
const logged = config.without.has("logs") ? undefined : search;
const {
  gatewayMiB = 512,
  kibanaPort = 5601,
  processor = local.hasImage(LOGSTASH_IMAGE) ? "logstash" : "filebeat",
  ...logSettings
} = config.logs;
if (logged) {
  void pulumi.log.info(
    `logs: ${processor} takes requests apart; ${LOGSTASH_IMAGE} is ${local.hasImage(LOGSTASH_IMAGE) ? "" : "not "}on the engine`,
  );
}

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
  ...((logged ?? events) && { logMiB: gatewayMiB }),
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
      ...(logged && { logMiB: 128 }),
      ...config.cdn,
      allowDataLoss: config.allowDataLoss,
    });

const logs =
  logged &&
  new ElkPipeline("logs", {
    network,
    inputs: [
      { type: "container", components: ["gateway"], accessLog: true },
      { type: "container", exceptComponents: ["gateway"] },
    ],
    output: { type: "elasticsearch", endpoints: logged.endpoints },
    indices: { replicas: logged.endpoints.length > 1 ? 1 : 0 },
    ...logSettings,
    processor,
    ...(local.hasImage(KIBANA_IMAGE) && { kibana: { publishedPort: kibanaPort } }),
    allowDataLoss: config.allowDataLoss,
  });

/** The gateway's requests as a stream, for whoever reads it. */
if (events) {
  new ElkPipeline("access-log", {
    network,
    inputs: [{ type: "container", components: ["gateway"], stream: "stdout", accessLog: true }],
    output: {
      type: "kafka",
      endpoints: events.endpoints,
      topic: "access-log",
      user: "gateway-log",
      password: events.password("gateway-log"),
    },
    allowDataLoss: config.allowDataLoss,
  });
}

const shop = {
  network,
  consul: discovery.client,
  followers: gateway.followers,
  image: imageReference("shop"),
  command: ["node", "/app/shop.js"],
  user: "10001:10001",
  health: { command: ["/app/probe"] },
};
/** What a service takes that tells of orders, or hears of them. */
const orderEvents = queue &&
  proxy && {
    environment: {
      AMQP_ENDPOINTS: String(proxy.endpoints.rabbitmq),
      AMQP_USER: "orders",
      AMQP_PASSWORD_FILE: "/run/secrets/current/amqp-password",
      DATA_FOLDER: "/data",
    },
    secrets: { "amqp-password": queue.password("orders") },
    dataPath: "/data",
    allowDataLoss: config.allowDataLoss,
  };
const told = ({ environment = {} }: { environment?: Readonly<Record<string, string>> }) => ({
  ...orderEvents?.environment,
  ...environment,
});
/** What goods takes that are read through a cache from a replica, and written to the source. */
const stored = mysql &&
  proxy && {
    environment: {
      DATABASE_NAME: "shop",
      DATABASE_WRITE: String(proxy.endpoints.mysql),
      DATABASE_READ: String(proxy.endpoints["mysql-read"]),
      DATABASE_USER: "goods",
      DATABASE_PASSWORD_FILE: "/run/secrets/current/database-password",
      ...(cache && {
        CACHE_ENDPOINTS: cache.endpoints.join(","),
        CACHE_SENTINELS: cache.sentinels.join(","),
        CACHE_NAME: cache.primaryName,
        CACHE_USER: "goods",
        CACHE_PASSWORD_FILE: "/run/secrets/current/cache-password",
      }),
      ...(search && { SEARCH_URLS: search.endpoints.map((endpoint) => endpoint.url("http")).join(",") }),
    },
    secrets: { "database-password": mysql.password("goods"), ...(cache && { "cache-password": cache.password("goods") }) },
    memoryMiB: 192,
  };
new AppService("goods", {
  ...shop,
  ...stored,
  ...config.goods,
  environment: { ...stored?.environment, ...config.goods.environment },
  ports: { http: 8000, rpc: 9000 },
});
new AppService("order", { ...shop, ...orderEvents, ...config.order, environment: told(config.order), ports: { http: 8000, rpc: 9000 } });
if (orderEvents)
  new AppService("statistics", { ...shop, ...orderEvents, environment: told(config.statistics), ports: { http: 8000, rpc: 9000 } });

if (events) {
  new AppService("traffic", {
    ...shop,
    environment: {
      KAFKA_BROKERS: events.endpoints.join(","),
      KAFKA_USER: "traffic",
      KAFKA_PASSWORD_FILE: "/run/secrets/current/kafka-password",
      KAFKA_TOPIC: "access-log",
      DATA_FOLDER: "/data",
    },
    secrets: { "kafka-password": events.password("traffic") },
    dataPath: "/data",
    instances: 1,
    ports: { http: 8000, rpc: 9000 },
    allowDataLoss: config.allowDataLoss,
  });
}

const ops = config.without.has("ops") ? [] : SshNodes.describe("ops", { network, ...config.ops });
/** Who pushes does so from one of the nodes to log in to. */
const git = config.without.has("ci") || ops.length === 0 ? undefined : GitServer.describe("ci-git", { network });
const cloning = git ? CiServer.describe("ci", { network, logsInTo: [git.name] }) : [];
const mesh = ops.length === 0 ? undefined : new SshKeyMesh("mesh", { nodes: [...ops, ...(git ? [git] : [])], clients: cloning });
if (mesh) new SshNodes("ops", { network, members: ops.map(({ name }) => mesh.member(name)), allowDataLoss: config.allowDataLoss });

/** Builds what is pushed to the sample repository: whatever its Makefile calls a test. */
const ci =
  mesh && git
    ? new CiServer("ci", {
        network,
        port: config.ci.port,
        memoryMiB: config.ci.memoryMiB,
        repositories: [{ name: "sample", url: GitServer.urlOf(git, "sample"), pollSeconds: config.ci.pollSeconds }],
        jobs: [{ name: "sample-test", repository: "sample", steps: [{ name: "test", command: ["make", "test"] }] }],
        users: [{ name: "admin", role: "admin" }, { name: "developer" }],
        mounts: (node) => [mesh.client(node)],
        allowDataLoss: config.allowDataLoss,
      })
    : undefined;
if (mesh && git && ci) {
  new GitServer("ci-git", {
    network,
    member: mesh.member(git.name),
    repositories: [{ name: "sample" }],
    readers: cloning,
    listeners: ci.listeners,
    allowDataLoss: config.allowDataLoss,
  });
}

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
