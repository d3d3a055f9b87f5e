import * as pulumi from "@pulumi/pulumi";
import { Command } from "@pulumi/command/local/command";
import { Container } from "@pulumi/docker/container";
import { createDataVolume } from "./data-volume";
import { createGate } from "./gate";
import { Host } from "./host";
import { LiveConfigArgs, createLiveConfig } from "./live-config";
import { engineName } from "./naming";
import { Mount, ServiceContainerArgs, createServiceContainer } from "./service-container";

/** One of several configurations of a node. */
export interface NodeConfig extends LiveConfigArgs {
  /** Last part of its volume's and its command's name. */
  readonly role: string;
}

/** One node: what it runs, what it keeps, and when it counts as whole. */
export interface RollingNode {
  /** Name of the node, `discovery-1`; its container and volumes are called by it. */
  readonly name: string;

  readonly host: Host;
  readonly container: Omit<ServiceContainerArgs, "host" | "component">;

  /** Configuration of the node, mounted read-only; several where it runs more than one software. @default none */
  readonly config?: LiveConfigArgs | readonly NodeConfig[];

  /** Folder whose content outlives the container. @default none */
  readonly dataPath?: string;

  /** Shell condition for the gate behind the node, see {@link GateArgs.whole}. */
  readonly whole: string;

  /** Shell condition for the gate before the node's replacement or removal, see {@link GateArgs.spare}. @default always */
  readonly spare?: string;

  /** A resource that makes the node leave when it is removed, and does nothing when its container is replaced. @default none */
  readonly membership?: (container: Container, opts: pulumi.CustomResourceOptions) => pulumi.Resource;

  /** Seconds that the gate waits. @default 120 */
  readonly gateTimeoutSeconds?: number;

  /** Processes and threads that the node may have. @default 512 */
  readonly pids?: number;

  /** Resources between the node and its successor, made after its gate; the successor waits for them. @default none */
  readonly follow?: (container: Container, gate: Command, opts: pulumi.CustomResourceOptions) => pulumi.Resource[];
}

export interface RollingSetArgs {
  /** Component that the nodes belong to, for the labels. */
  component: string;
  nodes: readonly RollingNode[];

  /** Resources that the first node waits for, its data volume among what it has. @default none */
  after?: readonly pulumi.Resource[];

  /** Data volumes that may be deleted, by their name on the engine. @default none */
  allowDataLoss?: readonly string[];
}

/**
 * Nodes in order with a gate between each two: a change reaches one node, and the next only after the cluster is whole again.
 *
 * Nodes are linked by `dependsOn` alone. A replaced resource takes along those that use its outputs as properties, so one node's outputs
 * in another node would replace the whole cluster at once.
 */
export class RollingSet extends pulumi.ComponentResource {
  /** What a resource must depend on to find all nodes whole. */
  public readonly gates: readonly pulumi.Resource[];
  public readonly containers: readonly Container[];

  constructor(name: string, args: RollingSetArgs, opts?: pulumi.ComponentResourceOptions) {
    super("dockyard:index:RollingSet", name, {}, opts);
    const containers: Container[] = [];
    let before: readonly pulumi.Resource[] = args.after ?? [];
    for (const node of args.nodes) {
      const { container, gates } = createNode(node, args, { parent: this, dependsOn: [...before] });
      containers.push(container);
      before = gates;
    }
    this.containers = containers;
    this.gates = before;
    this.registerOutputs({});
  }
}

function createNode(
  node: RollingNode,
  { component, allowDataLoss }: RollingSetArgs,
  opts: Omit<pulumi.CustomResourceOptions, "dependsOn"> & { dependsOn: pulumi.Resource[] },
) {
  const { name, host, container: args, config, dataPath, whole, spare, gateTimeoutSeconds, pids } = node;
  const data = dataPath === undefined ? undefined : createDataVolume(`${name}-data`, { host, component, node: name, allowDataLoss }, opts);
  const configs: readonly (LiveConfigArgs & Partial<NodeConfig>)[] = config === undefined ? [] : [config].flat();
  const live = configs.map(({ role, ...each }) => ({
    ...createLiveConfig(name, { host, component, image: args.image, user: args.user, role }, each, opts),
    mountPath: each.mountPath,
    reload: each.reload,
  }));
  const mounts: Mount[] = [
    ...(args.mounts ?? []),
    ...(dataPath === undefined ? [] : [{ volume: engineName(`${name}-data`), path: dataPath }]),
    ...live.map(({ volumeName, mountPath }) => ({ volume: volumeName, path: mountPath, readOnly: true })),
  ];
  const needs: pulumi.Resource[] = [
    ...opts.dependsOn,
    args.network.network,
    ...(data ? [data] : []),
    ...live.map(({ command }) => command),
  ];
  const container = createServiceContainer(name, { ...args, host, component, mounts }, { ...opts, dependsOn: needs });
  // What is not reloaded is read when the software starts, or by itself: nothing that runs has changed by it.
  const triggers = live.flatMap(({ command, reload }) => (reload === undefined ? [] : [command.stdout]));
  const membership = node.membership?.(container, { ...opts, dependsOn: [container] });
  const gate = createGate(
    `${name}-gate`,
    name,
    { host, whole, spare, timeoutSeconds: gateTimeoutSeconds, pids, container, triggers },
    { ...opts, dependsOn: [...opts.dependsOn, ...(membership ? [membership] : [])] },
  );
  return { container, gates: [gate, ...(node.follow?.(container, gate, opts) ?? [])] };
}
