/** Two gateways with tiers in front of what the test runs, as the stack's configuration says. */
import * as pulumi from "@pulumi/pulumi";
import {
  ConsulCluster,
  Host,
  NginxUpsyncGateway,
  NginxUpsyncGatewayArgs,
  Placement,
  RedisCache,
  ServiceNetwork,
  TOGETHER_COMMANDS,
} from "../../../../components";

const config = new pulumi.Config("dockyard");
const port = config.requireNumber("port");
const renamed = config.getBoolean("renamed") ?? false;

/** Makes a component, under another name once the configuration says that it was renamed. */
function made<A, C>(Component: new (name: string, args: A, opts?: pulumi.ComponentResourceOptions) => C, name: string, args: A): C {
  return renamed ? new Component(`other-${name}`, args, { aliases: [{ name }] }) : new Component(name, args);
}

const network = made(ServiceNetwork, "services", {
  placement: new Placement([new Host({ name: "local" })]),
  subnet: "10.153.0.0/24",
  addresses: { discovery: "10.153.0.11", cache: "10.153.0.31", gateway: "10.153.0.21", second: "10.153.0.22" },
});
const discovery = made(ConsulCluster, "discovery", { network, servers: 1, apiPort: port });
const cache = made(RedisCache, "cache", {
  network,
  port: null,
  persistence: "none",
  memoryMiB: 96,
  users: [{ name: "gateway", keys: ["gateway:*", "%R~goods:*"], moreCommands: TOGETHER_COMMANDS }],
  filters: [{ name: "goods:known", errorRate: 0.001, capacity: 1000 }],
});
const settings: NginxUpsyncGatewayArgs = {
  network,
  consul: { servers: discovery.client.endpoints },
  services: { goods: { path: "/goods/" }, shared: { path: "/shared/" } },
  redis: { endpoints: cache.endpoints, user: "gateway", password: cache.password("gateway") },
  tiers: config.requireObject<NonNullable<NginxUpsyncGatewayArgs["tiers"]>>("tiers"),
};
made(NginxUpsyncGateway, "gateway", { ...settings, publishedPort: port + 1, publishedAdminPort: port + 2 });
made(NginxUpsyncGateway, "second", { ...settings, publishedPort: port + 3, publishedAdminPort: port + 4 });
