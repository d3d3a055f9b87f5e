import { NETWORK, PLACEMENT, callback, checkShape, instanceOf, listOf, maybe, number, shape, text, texts } from "../core/argument-shape";
import { Checks, bounded } from "../core/errors";
import type { Placement } from "../core/host";
import { imageReference } from "../core/images";
import { NAME_PATTERN } from "../core/naming";
import type { ContainerTransform } from "../core/container-transform";
import type { ServiceNetwork } from "../core/service-network";
import { DEFAULT_SSH_PORT, SshNode } from "./args";
import type { SshMember } from "./ssh-key-mesh";

/** What the mesh has to know of nodes before they are made. */
export interface SshNodesDescription {
  /** Network that the nodes join; their addresses come from it. */
  network: ServiceNetwork;

  /** Hosts to spread the nodes over. @default the network's */
  placement?: Placement;

  /** Nodes, 1 or more. @default 3 */
  nodes?: number;

  /** Port that their servers listen on. @default 2222 */
  port?: number;

  /** Image with `sshd`, its client programs and a shell, whose `/etc/ssh/ssh_config` includes the mesh's. @default Dockyard's own */
  image?: string;

  /** `uid:gid` that the image's software runs as. @default "2222:2222" */
  user?: string;

  /** Name of that user in the image; its home is `/home/<login>`. @default "ops" */
  login?: string;
}

const DESCRIPTION = shape<SshNodesDescription>({
  network: NETWORK,
  placement: maybe(PLACEMENT),
  nodes: maybe(number),
  port: maybe(number),
  image: maybe(text),
  user: maybe(text),
  login: maybe(text),
});

export interface SshNodesArgs {
  /** Network that the nodes join, as in their description. */
  network: ServiceNetwork;

  /** The nodes, as the mesh hands them out. */
  members: readonly SshMember[];

  /** Memory limit of each node in MiB: what logins run there is in it. @default 128 */
  memoryMiB?: number;

  /** CPUs that a node may use. @default 1 */
  cpus?: number;

  /** Home volumes that may be deleted, by their name on the engine. @default none */
  allowDataLoss?: readonly string[];

  /** Last word on each node's container. @default none */
  transform?: ContainerTransform;
}

const ARGUMENTS = shape<SshNodesArgs>({
  network: NETWORK,
  members: listOf(instanceOf("member of an SshKeyMesh")),
  memoryMiB: maybe(number),
  cpus: maybe(number),
  allowDataLoss: maybe(texts),
  transform: maybe(callback),
});

type Optional = "transform";
export type NormalSshNodesArgs = Required<Omit<SshNodesArgs, Optional>> & Pick<SshNodesArgs, Optional>;

/** Every node holds the keys of all others, and a change reaches each of them. */
const MOST_NODES = 100;

/**
 * The nodes of a description, `<name>-1` first.
 *
 * @throws {ConfigError} naming every fault at once.
 */
export function describeSshNodes(name: string, description: SshNodesDescription): readonly SshNode[] {
  checkShape(name, description, DESCRIPTION);
  const {
    network,
    placement = network.placement,
    nodes = 3,
    port = DEFAULT_SSH_PORT,
    image = imageReference("ssh-node"),
    user = "2222:2222",
    login = "ops",
  } = description;

  new Checks(name)
    .that(NAME_PATTERN.test(name), "name", name, "must be lower-case letters, digits and inner hyphens, since the nodes are called by it")
    .that(
      Number.isInteger(nodes) && nodes >= 1 && nodes <= MOST_NODES,
      "nodes",
      nodes,
      `must be a whole number from 1 to ${MOST_NODES}; leave the component out to have none`,
    )
    .done();

  return network.addressesOf(name, bounded(nodes, 1, MOST_NODES)).map((address, index) => ({
    name: `${name}-${index + 1}`,
    host: placement.hostFor(index),
    address,
    port,
    image,
    user,
    login,
  }));
}

/**
 * Fills in the defaults and refuses what cannot work.
 *
 * @throws {ConfigError} naming every fault at once.
 */
export function normalizeSshNodesArgs(name: string, args: SshNodesArgs): NormalSshNodesArgs {
  checkShape(name, args, ARGUMENTS);
  const { memoryMiB = 128, cpus = 1, allowDataLoss = [], ...given } = args;

  new Checks(name)
    .that(args.members.length > 0, "members", args.members, "must be one member of a mesh or more; leave the component out to have none")
    .that(memoryMiB >= 32, "memoryMiB", memoryMiB, "must be 32 or more: every login is two processes of the server's beside what it runs")
    .done();

  return { ...given, memoryMiB, cpus, allowDataLoss };
}
