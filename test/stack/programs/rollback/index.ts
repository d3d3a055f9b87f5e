/** Instances of a service behind a gateway, as the stack's configuration says. */
import * as pulumi from "@pulumi/pulumi";
import { AppService, ConsulCluster, Host, NginxUpsyncGateway, Placement, ServiceNetwork, imageReference } from "../../../../components";

const config = new pulumi.Config("dockyard");
const port = config.requireNumber("port");

const network = new ServiceNetwork("services", {
  placement: new Placement([new Host({ name: "local" })]),
  subnet: "10.169.0.0/24",
  addresses: { discovery: "10.169.0.11", gateway: "10.169.0.10", goods: "10.169.0.41" },
});
const discovery = new ConsulCluster("discovery", { network, servers: 1, apiPort: port + 2 });
const gateway = new NginxUpsyncGateway("gateway", {
  network,
  consul: { servers: discovery.client.endpoints },
  services: { goods: { path: "/goods/" } },
  publishedPort: port,
  publishedAdminPort: port + 1,
});
new AppService("goods", {
  network,
  consul: discovery.client,
  followers: gateway.followers,
  image: imageReference("shop"),
  command: ["node", "/app/shop.js"],
  user: "10001:10001",
  environment: config.getObject<Record<string, string>>("environment"),
  instances: config.requireNumber("instances"),
  dataPath: "/data",
  allowDataLoss: config.requireObject<string[]>("allowDataLoss"),
  ports: { http: 8000, rpc: 9000 },
  health: { command: ["/app/probe"] },
});
