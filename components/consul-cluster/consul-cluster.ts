import * as pulumi from "@pulumi/pulumi";
import { Command } from "@pulumi/command/local/command";
import { ConsulClient, ConsulServer } from "../core/consul-client";
import { Endpoint } from "../core/endpoint";
import { engineName, nameOnEngines } from "../core/naming";
import { RollingNode, RollingSet } from "../core/rolling-set";
import { RotatingSecret, rotatingKey } from "../core/secret";
import { ConsulClusterArgs, NormalConsulClusterArgs, normalizeConsulClusterArgs } from "./args";
import {
  CONSUL_CONFIG_PATH,
  CONSUL_DATA_PATH,
  CONSUL_HTTP_PORT,
  consulCheck,
  consulCommand,
  consulProbe,
  consulReload,
  renderConsulSettings,
  renderGossipKey,
  seedsOf,
} from "./consul-config";
import { ConsulNode, consulLeaveCommand, consulSpareCondition, consulWholeCondition } from "./consul-gate";
import { renderGossipKeys, renderKeyringCommand } from "./keyring-command";

/**
 * A Consul cluster: key/value store, service catalogue and UI, with encrypted gossip and static addresses.
 *
 * A change reaches one server at a time, each after the one before is a voter that has caught up. A server that is taken out leaves the
 * cluster first; one whose container is replaced does not.
 *
 * @example
 * const discovery = new ConsulCluster("discovery", { network, servers: 3 });
 * export const consulUi = discovery.api.map((endpoint) => endpoint.url("http"));
 */
export class ConsulCluster extends pulumi.ComponentResource {
  /** HTTP API and UI of each server on its host; empty where none is published. */
  public readonly api: readonly Endpoint[];

  /** HTTP API of each server on the service network. */
  public readonly endpoints: readonly Endpoint[];

  /** The way to the cluster for other components. */
  public readonly client: ConsulClient;

  constructor(resourceName: string, args: ConsulClusterArgs, opts?: pulumi.ComponentResourceOptions) {
    super("dockyard:index:ConsulCluster", resourceName, {}, opts);
    const name = nameOnEngines(resourceName, opts);
    const cluster = normalizeConsulClusterArgs(name, args);

    this.endpoints = cluster.network.addressesOf(name, cluster.servers).map((address) => new Endpoint(address, CONSUL_HTTP_PORT));
    this.api = publishedApi(cluster);
    const gossipKey = rotatingKey(`${name}-gossip-key`, 32, { parent: this });
    const servers = this.createNodes(name, cluster, gossipKey.used);
    createKeyChange(name, cluster, gossipKey, { parent: this, dependsOn: [...servers.gates] });
    this.client = createClient(name, cluster, this.endpoints, servers.gates);

    this.registerOutputs({ api: this.api.map(String), endpoints: this.endpoints.map(String) });
  }

  private createNodes(name: string, cluster: NormalConsulClusterArgs, gossipKey: pulumi.Output<string>): RollingSet {
    const nodes = consulNodes(name, cluster);
    let before: Command | undefined;
    const servers = nodes.map((node, index): RollingNode => ({
      ...serverNode(name, node, index, nodes, this.endpoints, cluster, gossipKey),
      membership: (container, opts) =>
        (before = createMembership(node, nodes, { ...opts, dependsOn: [container, ...(before ? [before] : [])] })),
    }));
    return new RollingSet(`${name}-servers`, { component: name, nodes: servers, allowDataLoss: cluster.allowDataLoss }, { parent: this });
  }
}

function consulNodes(name: string, { servers, placement }: NormalConsulClusterArgs): ConsulNode[] {
  return Array.from({ length: servers }, (_, index) => ({
    name: `${name}-${index + 1}`,
    docker: placement.hostFor(index).docker,
    container: engineName(`${name}-${index + 1}`),
  }));
}

function serverNode(
  name: string,
  node: ConsulNode,
  index: number,
  nodes: readonly ConsulNode[],
  endpoints: readonly Endpoint[],
  cluster: NormalConsulClusterArgs,
  gossipKey: pulumi.Output<string>,
): RollingNode {
  const { network, placement, image, user, memoryMiB, environment, apiPort, transform } = cluster;
  const address = endpoints[index]?.host ?? "";
  const seeds = seedsOf(endpoints.map(({ host }) => host));
  return {
    name: node.name,
    host: placement.hostFor(index),
    dataPath: CONSUL_DATA_PATH,
    config: {
      mountPath: CONSUL_CONFIG_PATH,
      files: [
        { path: "settings.json", content: renderConsulSettings(cluster) },
        { path: "gossip.json", content: gossipKey.apply(renderGossipKey), mode: "0400" },
      ],
      check: consulCheck,
      reload: consulReload(),
    },
    container: {
      network,
      address,
      image,
      user,
      memoryMiB,
      environment,
      transform,
      command: consulCommand({ ...cluster, node: node.name, address, seeds }),
      ports: apiPort === null ? [] : [{ internal: CONSUL_HTTP_PORT, external: apiPort + index }],
      health: { command: consulProbe() },
    },
    whole: consulWholeCondition(node, index + 1, seedsOf(nodes)),
    spare: consulSpareCondition(node, name, seedsOf(nodes), placement.dockers),
  };
}

/**
 * Makes leaving part of the server's removal and of nothing else.
 *
 * It depends on the container by order only, so a replaced container does not replace it; and on the server before, so that they leave
 * one by one, the last first.
 */
function createMembership(node: ConsulNode, nodes: readonly ConsulNode[], opts: pulumi.CustomResourceOptions): Command {
  const survivors = seedsOf(nodes).filter(({ name }) => name !== node.name);
  return new Command(`${node.name}-membership`, { delete: consulLeaveCommand(node, survivors) }, opts);
}

/** Has the servers that run take another key, which they read when they start; nothing is made for one that was never rotated. */
function createKeyChange(
  name: string,
  cluster: NormalConsulClusterArgs,
  { used, accepted, generation }: RotatingSecret,
  opts: pulumi.CustomResourceOptions,
): void {
  if (generation === 0) return;
  const keys = pulumi.all([used, ...accepted]).apply(renderGossipKeys);
  new Command(
    `${name}-gossip-keys`,
    { create: renderKeyringCommand(seedsOf(consulNodes(name, cluster))), stdin: pulumi.secret(keys) },
    opts,
  );
}

function publishedApi({ apiPort, servers, placement }: NormalConsulClusterArgs): readonly Endpoint[] {
  if (apiPort === null) return [];
  return Array.from({ length: servers }, (_, index) => new Endpoint(placement.hostFor(index).address, apiPort + index));
}

function createClient(
  name: string,
  cluster: NormalConsulClusterArgs,
  endpoints: readonly Endpoint[],
  ready: readonly pulumi.Resource[],
): ConsulClient {
  const servers = seedsOf(consulNodes(name, cluster)).flatMap(({ docker, container }, index): ConsulServer[] => {
    const endpoint = endpoints[index];
    return endpoint ? [{ docker, container, endpoint }] : [];
  });
  return new ConsulClient(servers as [ConsulServer, ...ConsulServer[]], ready);
}
