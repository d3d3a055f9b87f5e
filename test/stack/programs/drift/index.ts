/** A service with data behind a gateway, one that runs elsewhere, and a cache with a replica. */
import * as pulumi from "@pulumi/pulumi";
import {
  AppService,
  ConsulCluster,
  ConsulUpstream,
  Host,
  NginxUpsyncGateway,
  Placement,
  RedisCache,
  ServiceNetwork,
  imageReference,
} from "../../../../components";

const config = new pulumi.Config("dockyard");
const port = config.requireNumber("port");

const network = new ServiceNetwork("services", {
  placement: new Placement([new Host({ name: "local" })]),
  subnet: "10.142.0.0/24",
  addresses: {
    discovery: "10.142.0.11",
    gateway: "10.142.0.10",
    goods: "10.142.0.41",
    cache: "10.142.0.31",
    "cache-sentinel": "10.142.0.35",
  },
});
const discovery = new ConsulCluster("discovery", { network, servers: 1, apiPort: port + 2 });
const gateway = new NginxUpsyncGateway("gateway", {
  network,
  consul: { servers: discovery.client.endpoints },
  services: { goods: { path: "/goods/" }, legacy: { path: "/legacy/" } },
  publishedPort: port,
  publishedAdminPort: port + 1,
});
new RedisCache("cache", { network, port: null, replicas: 1, memoryMiB: 96 });
new ConsulUpstream("legacy", {
  consul: discovery.client,
  followers: gateway.followers,
  instances: [{ address: "10.142.0.99", port: 8080 }],
});
new AppService("goods", {
  network,
  consul: discovery.client,
  followers: gateway.followers,
  image: imageReference("shop"),
  command: ["node", "/app/shop.js"],
  user: "10001:10001",
  environment: config.getObject<Record<string, string>>("environment"),
  instances: 2,
  secrets: { token: "a-secret-of-the-program" },
  dataPath: "/data",
  ports: { http: 8000, rpc: 9000 },
  health: { command: ["/app/probe"] },
});
