/** The components that are changed in seconds, in one stack, with the arguments that the table of changes gives them. */
import * as pulumi from "@pulumi/pulumi";
import {
  AppService,
  AppServiceArgs,
  ConsulCluster,
  ConsulClusterArgs,
  HaproxyKeepalivedPair,
  HaproxyKeepalivedPairArgs,
  NginxUpsyncGateway,
  NginxUpsyncGatewayArgs,
  SquidCdn,
  SquidCdnArgs,
  SshKeyMesh,
  SshNodes,
  SshNodesArgs,
  imageReference,
} from "../../../../components";
import { given, placed, serviceNetwork } from "./given";

const network = serviceNetwork();

const discovery = new ConsulCluster("discovery", { network, ...given<Omit<ConsulClusterArgs, "network">>("discovery") }, placed);

type WithTls = NginxUpsyncGatewayArgs & { tls: { certificate: string; key: string; publishedPort: number } };
const { tls, ...gatewayArgs } = given<WithTls>("gateway");
const gateway = new NginxUpsyncGateway(
  "gateway",
  {
    ...gatewayArgs,
    network,
    consul: { servers: discovery.client.endpoints },
    services: { goods: { path: "/goods/" } },
    tls: { ...tls, certificate: pulumi.secret(tls.certificate), key: pulumi.secret(tls.key), redirect: false },
  },
  placed,
);

new AppService(
  "goods",
  {
    image: imageReference("shop"),
    ...given<Omit<AppServiceArgs, "network" | "image">>("goods"),
    network,
    consul: discovery.client,
    followers: gateway.followers,
    command: ["node", "/app/shop.js"],
    user: "10001:10001",
    dataPath: "/data",
    health: { command: ["/app/probe"] },
  },
  placed,
);

type WithListen = Omit<HaproxyKeepalivedPairArgs, "network"> & { address: string; statsPort: number };
const { address, statsPort, ...pairArgs } = given<WithListen>("entry");
new HaproxyKeepalivedPair(
  "entry",
  {
    ...pairArgs,
    network,
    haproxy: { listens: { http: { port: 8080, ...gateway.listen } }, stats: { publishedPort: statsPort } },
    keepalived: { instances: { entry: { addresses: [address] } } },
  },
  placed,
);

// Past the pair: a busy machine may move the address by itself, and squid does not ask again.
const origins = gateway.internals.slice(0, 2).map(({ host, port }) => ({ host, port }));
new SquidCdn("cdn", { ...given<Omit<SquidCdnArgs, "network" | "origins">>("cdn"), network, origins }, placed);

type WithNodes = SshNodesArgs & { nodes: number; port: number; image?: string };
const { nodes, port, image, ...opsArgs } = given<WithNodes>("ops");
const ops = SshNodes.describe("ops", { network, nodes, port, ...(image !== undefined && { image }) });
const mesh = new SshKeyMesh("mesh", { nodes: ops }, placed);
new SshNodes("ops", { ...opsArgs, network, members: ops.map(({ name }) => mesh.member(name)) }, placed);
