/** Several gateways behind an address that moves, with Lua of their own and a Redis, in front of small web servers. */
import { dirname, join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { Container } from "@pulumi/docker/container";
import {
  ConsulCluster,
  HaproxyKeepalivedPair,
  Host,
  NginxUpsyncGateway,
  Placement,
  RedisCache,
  ServiceNetwork,
  imageReference,
} from "../../../../components";
import { engineName, ownershipLabels } from "../../../../components/core/naming";

const config = new pulumi.Config("dockyard");
const { subnet, addresses, virtualAddress } = config.requireObject<{
  subnet: string;
  addresses: Record<string, string>;
  virtualAddress: string;
}>("network");
const { greeting, logMiB, ports } = config.requireObject<{ greeting: string; logMiB: number; ports: number }>("gateway");
const tls = config.requireObject<{ certificate: string; key: string }>("tls");

const network = new ServiceNetwork("services", { placement: new Placement([new Host({ name: "local" })]), subnet, addresses });

for (const [index, address] of network.addressesOf("web", 2).entries()) {
  const name = `web-${index + 1}`;
  const serve = `require("http").createServer((_, answer) => answer.setHeader("x-instance", "${name}").end("ok")).listen(8000)`;
  new Container(
    name,
    {
      name: engineName(name),
      hostname: name,
      image: imageReference("shop"),
      command: ["node", "-e", serve],
      labels: ownershipLabels("web", name),
      networksAdvanced: [{ name: network.networkName, ipv4Address: address }],
      init: true,
      destroyGraceSeconds: 5,
    },
    { dependsOn: [network.network], deleteBeforeReplace: true },
  );
}

const discovery = new ConsulCluster("discovery", { network, servers: 1, apiPort: ports });
const cache = new RedisCache("cache", { network, memoryMiB: 64, port: null, users: [{ name: "gateway", keys: ["gateway:*"] }] });

const gateway = new NginxUpsyncGateway("gateway", {
  network,
  instances: 2,
  memoryMiB: 128,
  logMiB,
  publishedPort: ports + 1,
  publishedAdminPort: ports + 3,
  consul: { servers: discovery.client.endpoints },
  tls: { certificate: pulumi.secret(tls.certificate), key: pulumi.secret(tls.key), publishedPort: ports + 5, redirect: false },
  services: { web: { path: "/web" }, emptied: { path: "/emptied", allowEmpty: true } },
  redis: {
    endpoints: cache.endpoints,
    sentinels: cache.sentinels,
    primaryName: cache.primaryName,
    user: "gateway",
    password: cache.password("gateway"),
  },
  lua: {
    locations: {
      hello: { path: "/hello", file: join(dirname(__filename), "..", "..", "..", "..", "apps", "gateway", "hello.lua") },
      greeting: { path: "/greeting", code: greeting },
      faults: { path: "/faults", file: join(dirname(__filename), "faults.lua"), maxBodyKiB: 4 },
    },
    modules: { words: { code: 'return { welcome = "welcome" }' } },
  },
});

new HaproxyKeepalivedPair("entry", {
  network,
  haproxy: {
    listens: { http: { port: 8080, ...gateway.listen }, ...(gateway.listenTls && { https: { port: 8443, ...gateway.listenTls } }) },
    stats: { publishedPort: null },
  },
  keepalived: { instances: { entry: { addresses: [virtualAddress] } } },
});

export const endpoints = gateway.endpoints.map((endpoint) => endpoint.url("http"));
export const admins = gateway.admins.map((endpoint) => endpoint.url("http"));
export const password = cache.password("gateway");
