import * as pulumi from "@pulumi/pulumi";
import { digestOfText } from "../core/digest";
import { Endpoint } from "../core/endpoint";
import { healthCondition, siblingCondition } from "../core/gate";
import { engineName, nameOnEngines } from "../core/naming";
import { RollingNode, RollingSet } from "../core/rolling-set";
import { NormalSquidCdnArgs, SquidCdnArgs, normalizeSquidCdnArgs } from "./args";
import { SQUID_DATA_PATH, SQUID_PORT, renderDomains, renderSquidConf } from "./squid-conf";
import {
  SQUID_CONFIG_PATH,
  reloadCommand,
  squidCheck,
  squidProbe,
  squidScripts,
  startCommand,
  startScripts,
  wholeCommand,
} from "./squid-files";

/**
 * Squid accelerators before an origin: files are served from memory and disk, and go on being served while the origin is down.
 *
 * How long a file is fresh is the origin's to say, or the rules'. Rules, origins, domains and the size of the cache change while squid runs, and
 * the cache stays. It asks nobody but its origins, and for nothing but its domains. `npm run purge -- /path` takes a file out of all caches.
 *
 * @example
 * const cdn = new SquidCdn("cdn", {
 *   network,
 *   origins: [{ host: "10.89.0.10", port: 8080 }],
 *   domains: ["cdn.example.com"],
 *   cacheMiB: 1024,
 *   expiry: [{ pattern: "^/static/", minMinutes: 60, maxMinutes: 1440 }],
 * });
 * export const url = cdn.published[0]?.url("http");
 */
export class SquidCdn extends pulumi.ComponentResource {
  /** Each accelerator on the service network. */
  public readonly endpoints: readonly Endpoint[];

  /** Each accelerator on its host; empty where none is published. */
  public readonly published: readonly Endpoint[];

  constructor(resourceName: string, args: SquidCdnArgs, opts?: pulumi.ComponentResourceOptions) {
    super("dockyard:index:SquidCdn", resourceName, {}, opts);
    const name = nameOnEngines(resourceName, opts);
    const cdn = normalizeSquidCdnArgs(name, args);

    const addresses = cdn.network.addressesOf(name, cdn.accelerators);
    this.endpoints = addresses.map((address) => new Endpoint(address, SQUID_PORT));
    this.published = publishedEndpoints(cdn);
    createAccelerators(name, addresses, cdn, { parent: this });

    this.registerOutputs({ endpoints: this.endpoints.map(String), published: this.published.map(String) });
  }
}

function createAccelerators(
  name: string,
  addresses: readonly string[],
  cdn: NormalSquidCdnArgs,
  opts: pulumi.ComponentResourceOptions,
): RollingSet {
  const nodes = addresses.map((address, index) => accelerator(name, address, index, cdn));
  return new RollingSet(`${name}-accelerators`, { component: name, nodes, allowDataLoss: cdn.allowDataLoss }, opts);
}

function accelerator(name: string, address: string, index: number, cdn: NormalSquidCdnArgs): RollingNode {
  const { network, placement, image, user, memoryMiB, cpus, logMiB, transform, port, domains } = cdn;
  const node = `${name}-${index + 1}`;
  return {
    name: node,
    host: placement.hostFor(index),
    dataPath: SQUID_DATA_PATH,
    config: {
      mountPath: SQUID_CONFIG_PATH,
      files: [
        ...squidScripts(),
        { path: "squid.conf", content: renderSquidConf({ ...cdn, node }) },
        { path: "domains", content: renderDomains(domains) },
      ],
      check: squidCheck,
      reload: reloadCommand(),
    },
    container: {
      network,
      address,
      image,
      user,
      memoryMiB,
      cpus,
      logMiB,
      transform,
      command: startCommand(),
      startConfiguration: digestOfText(startScripts()),
      ports: port === null ? [] : [{ internal: SQUID_PORT, external: port + index }],
      health: { command: squidProbe(), timeoutSeconds: 5 },
      // What is on its way, and the list of what is in the cache.
      stopGraceSeconds: 15,
    },
    whole: healthCondition(engineName(node), wholeCommand()),
    spare: siblingCondition(name, node, placement, squidProbe()),
  };
}

function publishedEndpoints({ port, accelerators, placement }: NormalSquidCdnArgs): readonly Endpoint[] {
  if (port === null) return [];
  return Array.from({ length: accelerators }, (_, index) => new Endpoint(placement.hostFor(index).address, port + index));
}
