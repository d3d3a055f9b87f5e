import {
  AppService,
  ConsulCluster,
  HaproxyKeepalivedPair,
  Host,
  NginxUpsyncGateway,
  Placement,
  RabbitmqCluster,
  ServiceNetwork,
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

/** One address for all brokers, whichever of them and of the proxies is there. */
const proxy =
  queue &&
  new HaproxyKeepalivedPair("proxy", {
    network,
    nodes: config.proxy.nodes,
    haproxy: {
      listens: {
        rabbitmq: {
          port: 5600,
          servers: Object.fromEntries(queue.endpoints.map((endpoint, index) => [`queue-${index + 1}`, { endpoint }])),
        },
      },
      stats: { publishedPort: config.proxy.statsPort },
    },
    keepalived: { instances: { rabbitmq: { addresses: [config.virtualAddresses.rabbitmq] } } },
  });

const gateway = new NginxUpsyncGateway("gateway", {
  network,
  consul: { servers: discovery.client.endpoints },
  services: {
    goods: { path: "/goods/" },
    order: { path: "/orders/" },
    ...(queue && { statistics: { path: "/statistics" } }),
  },
  ...config.gateway,
  allowDataLoss: config.allowDataLoss,
});

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
const events = queue &&
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
const told = ({ environment = {} }: { environment?: Readonly<Record<string, string>> }) => ({ ...events?.environment, ...environment });
new AppService("goods", { ...shop, ...config.goods, ports: { http: 8000, rpc: 9000 } });
new AppService("order", { ...shop, ...events, ...config.order, environment: told(config.order), ports: { http: 8000, rpc: 9000 } });
if (events) new AppService("statistics", { ...shop, ...events, environment: told(config.statistics), ports: { http: 8000, rpc: 9000 } });

if (!config.without.has("ops")) {
  const ops = SshNodes.describe("ops", { network, ...config.ops });
  const mesh = new SshKeyMesh("mesh", { nodes: ops });
  new SshNodes("ops", { network, members: ops.map(({ name }) => mesh.member(name)), allowDataLoss: config.allowDataLoss });
}

/** Where the stack is reached, by name; other stacks and tools read it. */
export const endpoints = {
  gateway: gateway.endpoint.url("http"),
  gatewayStatus: `${gateway.admin.url("http")}/__gateway/upstreams`,
  consul: discovery.api[0]?.url("http"),
  ...(queue &&
    proxy && {
      rabbitmq: proxy.endpoints.rabbitmq?.url("amqp"),
      rabbitmqManagement: queue.management[0]?.url("http"),
      haproxyStats: proxy.stats[0],
    }),
};

/** Logins of people, by the endpoint that they are for; secrets. */
export const logins = {
  ...(queue && proxy && { rabbitmqManagement: { user: "admin", password: queue.password("admin") }, haproxyStats: proxy.statsLogin }),
};
