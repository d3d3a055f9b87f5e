import * as pulumi from "@pulumi/pulumi";
import { Endpoint } from "../core/endpoint";
import { healthCondition, siblingCondition } from "../core/gate";
import { engineName, nameOnEngines } from "../core/naming";
import { RollingNode, RollingSet } from "../core/rolling-set";
import { DEFAULT_TMPFS } from "../core/service-container";
import type { SshNode } from "./args";
import { NormalSshNodesArgs, SshNodesArgs, SshNodesDescription, describeSshNodes, normalizeSshNodesArgs } from "./node-args";
import type { SshMember } from "./ssh-key-mesh";

/**
 * Containers to log in to: each runs nothing but an SSH server, and keeps its user's home on a volume.
 *
 * They are members of an {@link SshKeyMesh}, which has to know them before they are made.
 *
 * @example
 * const ops = SshNodes.describe("ops", { network, nodes: 3 });
 * const mesh = new SshKeyMesh("mesh", { nodes: ops });
 * new SshNodes("ops", { network, members: ops.map(({ name }) => mesh.member(name)) });
 * // docker exec <stack>-ops-1 ssh ops-2 ssh ops-3 hostname
 */
export class SshNodes extends pulumi.ComponentResource {
  /** SSH server of each node on the service network. */
  public readonly endpoints: readonly Endpoint[];

  constructor(resourceName: string, args: SshNodesArgs, opts?: pulumi.ComponentResourceOptions) {
    super("dockyard:index:SshNodes", resourceName, {}, opts);
    const name = nameOnEngines(resourceName, opts);
    const nodes = normalizeSshNodesArgs(name, args);

    this.endpoints = nodes.members.map(({ node }) => new Endpoint(node.address, node.port));
    this.createNodes(name, nodes);

    this.registerOutputs({ endpoints: this.endpoints.map(String) });
  }

  /**
   * The nodes for the mesh, `<name>-1` first.
   *
   * @throws {ConfigError} naming every fault at once.
   */
  static describe(name: string, description: SshNodesDescription): readonly SshNode[] {
    return describeSshNodes(name, description);
  }

  private createNodes(name: string, nodes: NormalSshNodesArgs): void {
    const { members, allowDataLoss } = nodes;
    // A node runs when all of them know it.
    const after = members.map(({ ready }) => ready);
    new RollingSet(
      `${name}-nodes`,
      { component: name, nodes: members.map((member) => sshNode(name, member, nodes)), after, allowDataLoss },
      { parent: this },
    );
  }
}

function sshNode(component: string, { node, mount, tmpfs, command, probe }: SshMember, nodes: NormalSshNodesArgs): RollingNode {
  const { network, memoryMiB, cpus, transform } = nodes;
  const { name, host, address, image, user, login } = node;
  return {
    name,
    host,
    dataPath: `/home/${login}`,
    container: {
      network,
      address,
      image,
      user,
      memoryMiB,
      cpus,
      transform,
      command,
      mounts: [mount],
      tmpfs: { ...DEFAULT_TMPFS, ...tmpfs },
      // Each time a login, and lines in the log: so not too often.
      health: { command: probe, timeoutSeconds: 5 },
    },
    whole: healthCondition(engineName(name), probe),
    spare: siblingCondition(component, name, network.placement, probe),
  };
}
