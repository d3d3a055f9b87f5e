import {
  AppService,
  ConsulCluster,
  Host,
  NginxUpsyncGateway,
  Placement,
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

const gateway = new NginxUpsyncGateway("gateway", {
  network,
  consul: { servers: discovery.client.endpoints },
  services: {
    goods: { path: "/goods/" },
    order: { path: "/orders/" },
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
new AppService("goods", { ...shop, ...config.goods, ports: { http: 8000, rpc: 9000 } });
new AppService("order", { ...shop, ...config.order, ports: { http: 8000, rpc: 9000 } });

const ops = SshNodes.describe("ops", { network, ...config.ops });
const mesh = new SshKeyMesh("mesh", { nodes: ops });
new SshNodes("ops", { network, members: ops.map(({ name }) => mesh.member(name)), allowDataLoss: config.allowDataLoss });

/** Where the stack is reached, by name; other stacks and tools read it. */
export const endpoints = {
  gateway: gateway.endpoint.url("http"),
  gatewayStatus: `${gateway.admin.url("http")}/__gateway/upstreams`,
  consul: discovery.api[0]?.url("http"),
};

/** Hosts that the stack runs on, and how their engines are reached. */
export const hosts = [{ name: local.name, docker: local.docker }];
