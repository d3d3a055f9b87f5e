/** A cluster, a gateway and a service behind it, spread over as many hosts as there are engines. */
import * as pulumi from "@pulumi/pulumi";
import { AppService, ConsulCluster, Host, NginxUpsyncGateway, Placement, ServiceNetwork, imageReference } from "../../../../components";

const config = new pulumi.Config("dockyard");
const { subnet, addresses } = config.requireObject<{ subnet: string; addresses: Record<string, string> }>("network");
const engines = config.requireObject<string[]>("engines");
const { environment } = config.requireObject<{ environment: Record<string, string> }>("goods");

const [first, ...others] = engines.map((engine, index) => new Host({ name: `host-${index + 1}`, engine }));
if (first === undefined) throw new Error("engines is empty");
const network = new ServiceNetwork("services", { placement: new Placement([first, ...others]), subnet, addresses });

const discovery = new ConsulCluster("discovery", { network });
const gateway = new NginxUpsyncGateway("gateway", {
  network,
  consul: { servers: discovery.client.endpoints },
  services: { goods: { path: "/goods/" } },
});
new AppService("goods", {
  network,
  environment,
  consul: discovery.client,
  followers: gateway.followers,
  image: imageReference("shop"),
  command: ["node", "/app/shop.js"],
  user: "10001:10001",
  instances: 2,
  ports: { http: 8000, rpc: 9000 },
  health: { command: ["/app/probe"] },
});
