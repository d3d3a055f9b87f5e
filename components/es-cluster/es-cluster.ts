import * as pulumi from "@pulumi/pulumi";
import { Command } from "@pulumi/command/local/command";
import type { Volume } from "@pulumi/docker/volume";
import { createDataVolume } from "../core/data-volume";
import { digestOfText } from "../core/digest";
import { Endpoint } from "../core/endpoint";
import { createFounding } from "../core/founding";
import { engineName, nameOnEngines } from "../core/naming";
import { RollingNode, RollingSet } from "../core/rolling-set";
import type { Mount, PreparedMount } from "../core/service-container";
import { EsClusterArgs, NormalEsClusterArgs, normalizeEsClusterArgs } from "./args";
import { renderDeclaredCommand } from "./declared-command";
import {
  ES_CONFIG_PATH,
  ES_DATA_PATH,
  ES_FILES,
  ES_SNAPSHOTS_PATH,
  HTTP_PORT,
  esCheck,
  esCommand,
  esEnvironment,
  esProbe,
  esTmpfs,
  renderElasticsearchYml,
  renderLogging,
  renderStartScript,
} from "./es-conf";
import { EsNodeRef, esSpareCondition, esWholeCondition, seedsOf } from "./es-gate";
import { esLeaveCommand } from "./leave-command";

/**
 * An Elasticsearch cluster that is changed one node at a time: nothing is copied about while a node is away, and the next one follows when all
 * shards have their copies again. An index with a replica is read and written all the time.
 *
 * A node that is taken out hands its shards over first; one whose container is replaced keeps them.
 *
 * @example
 * const search = new EsCluster("search", {
 *   network,
 *   indexTemplates: { orders: { patterns: ["orders-*"], properties: { at: { type: "date" } } } },
 * });
 * search.endpoints; // where clients connect
 */
export class EsCluster extends pulumi.ComponentResource {
  /** HTTP of each node on the service network. */
  public readonly endpoints: readonly Endpoint[];

  /** HTTP of each node on its host; empty where none is published. */
  public readonly http: readonly Endpoint[];

  /** The folder of snapshots, which is there when the nodes are; absent without `snapshots`. */
  public readonly snapshots: PreparedMount | undefined;

  constructor(resourceName: string, args: EsClusterArgs, opts?: pulumi.ComponentResourceOptions) {
    super("dockyard:index:EsCluster", resourceName, {}, opts);
    const name = nameOnEngines(resourceName, opts);
    const cluster = normalizeEsClusterArgs(name, args);

    this.endpoints = cluster.network.addressesOf(name, cluster.nodes.length).map((address) => new Endpoint(address, HTTP_PORT));
    this.http = published(cluster);
    const snapshots = createSnapshots(name, cluster, { parent: this });
    const nodes = createNodes(name, cluster, this.endpoints, snapshots, { parent: this });
    this.snapshots = snapshots && snapshotsMount(name, nodes);
    createDeclared(name, cluster, { parent: this, dependsOn: [...nodes.gates] });

    this.registerOutputs({ endpoints: this.endpoints.map(String), http: this.http.map(String) });
  }
}

/** The volume of the repository, the same for all nodes. */
function createSnapshots(
  name: string,
  { placement, snapshots, allowDataLoss }: NormalEsClusterArgs,
  opts: pulumi.CustomResourceOptions,
): Volume | undefined {
  if (!snapshots) return undefined;
  return createDataVolume(`${name}-snapshots`, { host: placement.hostFor(0), component: name, node: name, allowDataLoss }, opts);
}

/** A volume belongs to the user of whoever mounts it first, which has to be a node. */
function snapshotsMount(name: string, { gates: [ready] }: RollingSet): PreparedMount | undefined {
  return ready && { mount: snapshotsVolume(name), ready };
}

function snapshotsVolume(name: string): Mount {
  return { volume: engineName(`${name}-snapshots`), path: ES_SNAPSHOTS_PATH };
}

function createNodes(
  name: string,
  cluster: NormalEsClusterArgs,
  endpoints: readonly Endpoint[],
  snapshots: Volume | undefined,
  opts: pulumi.CustomResourceOptions,
): RollingSet {
  const refs = refsOf(name, cluster);
  const founding = createFounding(name, cluster.placement, opts);
  let before: Command | undefined;
  const nodes = refs.map((ref, index): RollingNode => ({
    ...clusterNode(name, ref, index, endpoints, cluster, founding),
    membership: (container, memberOpts) =>
      (before = createMembership(name, ref, index, refs, cluster, { ...memberOpts, dependsOn: [container, ...(before ? [before] : [])] })),
  }));
  const after = [founding, ...(snapshots ? [snapshots] : [])];
  return new RollingSet(`${name}-nodes`, { component: name, nodes, after, allowDataLoss: cluster.allowDataLoss }, opts);
}

function refsOf(name: string, { nodes, placement }: NormalEsClusterArgs): EsNodeRef[] {
  return nodes.map((_, index) => ({
    name: `${name}-${index + 1}`,
    docker: placement.hostFor(index).docker,
    container: engineName(`${name}-${index + 1}`),
  }));
}

function clusterNode(
  name: string,
  ref: EsNodeRef,
  index: number,
  endpoints: readonly Endpoint[],
  cluster: NormalEsClusterArgs,
  founding: Command,
): RollingNode {
  const { network, placement, nodes, image, user, memoryMiB, heapMiB, cpus, httpPort, snapshots, transform } = cluster;
  const address = endpoints[index]?.host ?? "";
  const seeds = seedsOf(endpoints.filter((_, at) => nodes[at]?.roles.includes("master"))).map(({ host }) => host);
  const files = [
    {
      path: ES_FILES.settings,
      content: renderElasticsearchYml({ ...cluster, name: ref.name, address, roles: nodes[index]?.roles ?? [], seeds }),
    },
    { path: ES_FILES.logging, content: renderLogging() },
    { path: ES_FILES.start, content: renderStartScript(`${name}-1`, seeds) },
  ];
  return {
    name: ref.name,
    host: placement.hostFor(index),
    dataPath: ES_DATA_PATH,
    config: {
      mountPath: ES_CONFIG_PATH,
      files: [...files, { path: ES_FILES.founding, content: index === 0 ? founding.stdout : "join" }],
      check: esCheck,
    },
    container: {
      network,
      address,
      image,
      user,
      memoryMiB,
      cpus,
      transform,
      command: esCommand(),
      environment: esEnvironment(heapMiB),
      startConfiguration: digestOfText(files.map(({ content }) => content)),
      mounts: snapshots ? [snapshotsVolume(name)] : [],
      tmpfs: esTmpfs(user),
      ports: httpPort === null ? [] : [{ internal: HTTP_PORT, external: httpPort + index }],
      health: { command: esProbe(), timeoutSeconds: 6, startPeriodSeconds: 120 },
      // Its shards are flushed.
      stopGraceSeconds: 60,
    },
    whole: esWholeCondition(ref, name, placement.dockers),
    spare: esSpareCondition(ref, name, placement.dockers),
    gateTimeoutSeconds: 300,
  };
}

/**
 * Makes leaving part of the node's removal and of nothing else.
 *
 * It depends on the container by order only, so a replaced container does not replace it; and on the node before, so that they leave one by
 * one, the last first.
 */
function createMembership(
  name: string,
  node: EsNodeRef,
  index: number,
  refs: readonly EsNodeRef[],
  { nodes, placement }: NormalEsClusterArgs,
  opts: pulumi.CustomResourceOptions,
): Command {
  const survivors = seedsOf(refs.slice(0, index));
  const master = nodes[index]?.roles.includes("master") ?? false;
  return new Command(
    `${node.name}-membership`,
    { delete: esLeaveCommand({ node, master, survivors, component: name, dockers: placement.dockers }) },
    opts,
  );
}

/** The templates and the repository are told to those that run, over the API. */
function createDeclared(name: string, cluster: NormalEsClusterArgs, opts: pulumi.CustomResourceOptions): void {
  const { indexTemplates: templates, snapshots } = cluster;
  new Command(
    `${name}-declared`,
    { create: renderDeclaredCommand(seedsOf(refsOf(name, cluster)), { component: name, templates, snapshots }) },
    opts,
  );
}

function published({ httpPort, nodes, placement }: NormalEsClusterArgs): readonly Endpoint[] {
  if (httpPort === null) return [];
  return nodes.map((_, index) => new Endpoint(placement.hostFor(index).address, httpPort + index));
}
