import {
  AppService,
  type ConsulCluster,
  type EsCluster,
  type HaproxyKeepalivedPair,
  type KafkaBroker,
  type MysqlReplicaSet,
  type NginxUpsyncGateway,
  type RabbitmqCluster,
  type RedisCache,
  type ServiceNetwork,
  imageReference,
} from "../components";
import type { StackConfig } from "./config";

/** What the shop's services are found through, and what they use where it is there. */
export interface ShopSystems {
  readonly network: ServiceNetwork;
  readonly discovery: ConsulCluster;
  readonly gateway: NginxUpsyncGateway;
  readonly proxy: HaproxyKeepalivedPair | undefined;
  readonly queue: RabbitmqCluster | undefined;
  readonly mysql: MysqlReplicaSet | undefined;
  readonly cache: RedisCache | undefined;
  readonly search: EsCluster | undefined;
  readonly events: KafkaBroker | undefined;
}

/** The shop: goods, orders, and what counts them. */
export function createShop(systems: ShopSystems, config: StackConfig): void {
  const { network, discovery, gateway, events } = systems;
  const shop = {
    network,
    consul: discovery.client,
    followers: gateway.followers,
    image: imageReference("shop"),
    command: ["node", "/app/shop.js"],
    user: "10001:10001",
    health: { command: ["/app/probe"] },
    ports: { http: 8000, rpc: 9000 },
  };
  const stored = storage(systems);
  new AppService("goods", { ...shop, ...stored, ...config.goods, environment: { ...stored?.environment, ...config.goods.environment } });

  const told = orderEvents(systems, config);
  new AppService("order", { ...shop, ...told, ...config.order, environment: { ...told?.environment, ...config.order.environment } });
  if (told) new AppService("statistics", { ...shop, ...told, environment: { ...told.environment, ...config.statistics.environment } });

  if (events) new AppService("traffic", { ...shop, ...requestStream(events), instances: 1, allowDataLoss: config.allowDataLoss });
}

/** What a service takes that tells of orders, or hears of them. */
function orderEvents({ queue, proxy }: ShopSystems, { allowDataLoss }: StackConfig) {
  if (!queue || !proxy) return undefined;
  return {
    environment: {
      AMQP_ENDPOINTS: String(proxy.endpoints.rabbitmq),
      AMQP_USER: "orders",
      AMQP_PASSWORD_FILE: "/run/secrets/current/amqp-password",
      DATA_FOLDER: "/data",
    },
    secrets: { "amqp-password": queue.password("orders") },
    dataPath: "/data",
    allowDataLoss,
  };
}

/** What goods takes that are read through a cache from a replica, and written to the source. */
function storage({ mysql, proxy, cache, search }: ShopSystems) {
  if (!mysql || !proxy) return undefined;
  return {
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
}

/** What a service takes that reads the gateway's requests. */
function requestStream(events: KafkaBroker) {
  return {
    environment: {
      KAFKA_BROKERS: events.endpoints.join(","),
      KAFKA_USER: "traffic",
      KAFKA_PASSWORD_FILE: "/run/secrets/current/kafka-password",
      KAFKA_TOPIC: "access-log",
      DATA_FOLDER: "/data",
    },
    secrets: { "kafka-password": events.password("traffic") },
    dataPath: "/data",
  };
}
