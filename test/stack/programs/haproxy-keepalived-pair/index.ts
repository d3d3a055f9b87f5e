/** A pair in front of two web servers, both in HTTP and in TCP mode. */
import * as pulumi from "@pulumi/pulumi";
import { Container } from "@pulumi/docker/container";
import { HaproxyKeepalivedPair, Host, Placement, ServiceNetwork, imageReference } from "../../../../components";
import { engineName, ownershipLabels } from "../../../../components/core/naming";

const config = new pulumi.Config("dockyard");
const { subnet, addresses, virtualAddress } = config.requireObject<{
  subnet: string;
  addresses: Record<string, string>;
  virtualAddress: string;
}>("network");
const { weights, lines, environment, memoryMiB, statsPort, advertSeconds } = config.requireObject<{
  weights: number[];
  lines: string[];
  environment: Record<string, string>;
  memoryMiB: number;
  statsPort: number;
  advertSeconds?: number;
}>("pair");

const host = new Host({ name: "local" });
const network = new ServiceNetwork("services", { placement: new Placement([host]), subnet, addresses });

const servers = network.addressesOf("web", weights.length).map((address, index) => {
  const name = `web-${index + 1}`;
  // A slow answer comes in eight parts, 400 ms from each other.
  const slow = `for (let part = 1; part <= 8; part++) setTimeout(() => (part < 8 ? answer.write("part ") : answer.end("end")), part * 400)`;
  const answer = `answer.setHeader("x-instance", "${name}"); if (url === "/slow") { ${slow} } else answer.end("ok")`;
  const serve = `require("http").createServer(({ url }, answer) => { ${answer} }).listen(8000)`;
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
  return [name, { endpoint: { host: address, port: 8000 }, weight: weights[index], intervalMs: 500 }] as const;
});

const pair = new HaproxyKeepalivedPair("proxy", {
  network,
  memoryMiB,
  environment,
  haproxy: {
    listens: {
      queue: { port: 5600, servers: Object.fromEntries(servers), lines },
      web: { port: 8080, mode: "http", check: { type: "http" }, servers: Object.fromEntries(servers) },
    },
    stats: { publishedPort: statsPort },
  },
  keepalived: {
    instances: {
      main: { addresses: [{ address: virtualAddress, label: "eth0:queue" }], ...(advertSeconds !== undefined && { advertSeconds }) },
    },
  },
});

export const endpoints = Object.fromEntries(Object.entries(pair.endpoints).map(([name, endpoint]) => [name, String(endpoint)]));
export const { stats, metrics } = pair;
export const { user, password } = pair.statsLogin;
