/** A gateway that guards a service on the machine itself, as the stack's configuration says. */
import * as pulumi from "@pulumi/pulumi";
import {
  ConsulCluster,
  ConsulUpstream,
  Host,
  NginxUpsyncGateway,
  type NginxUpsyncGatewayArgs,
  Placement,
  ServiceNetwork,
} from "../../../../components";

const config = new pulumi.Config("dockyard");
const port = config.requireNumber("port");

const network = new ServiceNetwork("services", {
  placement: new Placement([new Host({ name: "local" })]),
  subnet: "10.150.0.0/24",
  addresses: { discovery: "10.150.0.11", gateway: "10.150.0.10" },
});
const discovery = new ConsulCluster("discovery", { network, servers: 1, apiPort: port + 3 });
new NginxUpsyncGateway("gateway", {
  network,
  consul: { servers: discovery.client.endpoints },
  ...config.requireObject<Pick<NginxUpsyncGatewayArgs, "services">>("gateway"),
  tls: {
    certificate: pulumi.secret(config.require("certificate")),
    key: pulumi.secret(config.require("key")),
    publishedPort: port + 2,
    hstsSeconds: 3600,
  },
  publishedPort: port,
  publishedAdminPort: port + 1,
});
new ConsulUpstream("shop", { consul: discovery.client, instances: [{ address: "10.150.0.1", port: port + 4 }] });
