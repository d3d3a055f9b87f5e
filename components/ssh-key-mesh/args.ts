import { HOST, Shape, checkShape, listOf, maybe, number, shape, text, texts } from "../core/argument-shape";
import { isIPv4 } from "node:net";
import { Checks } from "../core/errors";
import type { Host } from "../core/host";
import { NAME_PATTERN } from "../core/naming";

/** One container that logs in to the nodes, and runs no server itself. */
export interface SshClient {
  /** Name of the client and, behind the stack's, of its container. */
  readonly name: string;

  /** Host whose engine runs the container. */
  readonly host: Host;

  /** Static IPv4 address of the container: its key is good from there only. */
  readonly address: string;

  /** Image of the container, with `/bin/sh` and OpenSSH's `ssh` and `ssh-keygen`; a node's has `/usr/sbin/sshd` too. */
  readonly image: string;

  /** `uid:gid` that the container runs as. */
  readonly user: string;

  /** Names of the nodes that it may log in to, and knows; a node may log in to itself in any case. @default all */
  readonly logsInTo?: readonly string[];
}

/** One container that the others log in to, and that logs in to them. */
export interface SshNode extends SshClient {
  /** Port that its server listens on. @default 2222 */
  readonly port?: number;

  /** Name of the container's user, who needs a login shell: a server that is not root lets in its own user only. */
  readonly login: string;

  /**
   * Shell command that every login to the node runs, whatever it asks for; what it asked for is in `$SSH_ORIGINAL_COMMAND`. For servers that
   * speak a protocol over SSH, such as git. @default none
   */
  readonly forcedCommand?: string;
}

export interface SshKeyMeshArgs {
  /** Containers that log in to each other, on any hosts and from any component. */
  nodes: readonly SshNode[];

  /** Containers that log in to the nodes, and that nobody logs in to. @default none */
  clients?: readonly SshClient[];
}

const CLIENT: Shape<SshClient> = { name: text, host: HOST, address: text, image: text, user: text, logsInTo: maybe(texts) };

const ARGUMENTS = shape<SshKeyMeshArgs>({
  nodes: listOf(shape<SshNode>({ ...CLIENT, port: maybe(number), login: text, forcedCommand: maybe(text) })),
  clients: maybe(listOf(shape<SshClient>(CLIENT))),
});

type Optional = "forcedCommand";
export type NormalSshClient = Required<SshClient>;
export type NormalSshNode = Required<Omit<SshNode, Optional>> & Pick<SshNode, Optional>;
export interface NormalSshKeyMeshArgs {
  readonly nodes: readonly NormalSshNode[];
  readonly clients: readonly NormalSshClient[];
}

/** An unprivileged process cannot listen below 1024 everywhere. */
export const DEFAULT_SSH_PORT = 2222;

/** What `useradd` takes, in lower case. */
const LOGIN_PATTERN = /^[a-z_][a-z0-9_-]{0,31}$/;

/**
 * Fills in the defaults and refuses what cannot work.
 *
 * @throws {ConfigError} naming every fault at once.
 */
export function normalizeSshKeyMeshArgs(name: string, args: SshKeyMeshArgs): NormalSshKeyMeshArgs {
  checkShape(name, args, ARGUMENTS);
  const all = args.nodes.map(({ name: node }) => node);
  const clients = (args.clients ?? []).map(({ logsInTo = all, ...given }): NormalSshClient => ({ ...given, logsInTo }));
  const nodes = args.nodes.map(({ port = DEFAULT_SSH_PORT, logsInTo = all, ...given }): NormalSshNode => ({
    ...given,
    port,
    logsInTo: [...new Set([...logsInTo, given.name])],
  }));

  const checks = new Checks(name)
    .that(NAME_PATTERN.test(name), "name", name, "must be lower-case letters, digits and inner hyphens")
    .that(nodes.length > 0, "nodes", nodes, "must be one node or more; leave the component out to have none");
  const taken = new Map<string, string>();
  nodes.forEach((node, index) => {
    checkClient(checks, `nodes[${index}]`, node, taken);
    checkNode(checks, `nodes[${index}]`, node, nodes.slice(0, index));
  });
  clients.forEach((client, index) => checkClient(checks, `clients[${index}]`, client, taken));
  for (const [list, members] of Object.entries({ nodes, clients })) {
    members.forEach(({ logsInTo }, index) => {
      const strange = logsInTo.filter((node) => !all.includes(node));
      checks
        .that(strange.length === 0, `${list}[${index}].logsInTo`, strange, `must name nodes of the mesh: ${all.join(", ")}`)
        .that(
          logsInTo.length > 0 || nodes.length === 0,
          `${list}[${index}].logsInTo`,
          logsInTo,
          `must name a node or more, or be left out for all: ${all.join(", ")}`,
        );
    });
  }
  checks.done();

  return { nodes, clients };
}

/** @param taken Where each name was given first. */
function checkClient(checks: Checks, path: string, { name, address, user }: SshClient, taken: Map<string, string>): void {
  const namesake = taken.get(name);
  if (namesake === undefined) taken.set(name, path);
  checks
    .that(
      NAME_PATTERN.test(name) && name !== "localhost",
      `${path}.name`,
      name,
      "must be lower-case letters, digits and inner hyphens, since its container is called by it, and not localhost, which every node is to itself",
    )
    .that(namesake === undefined, `${path}.name`, name, `must be its own, but ${namesake} has it; rename one of them`)
    .that(isIPv4(address), `${path}.address`, address, "must be an IPv4 address, since the container's key is good from there only")
    .that(
      /^[1-9]\d*:[1-9]\d*$/.test(user),
      `${path}.user`,
      user,
      "must be uid:gid in numbers, neither of them root's 0: nobody logs in as root",
    );
}

function checkNode(
  checks: Checks,
  path: string,
  { address, port, login, forcedCommand = "" }: NormalSshNode,
  before: readonly NormalSshNode[],
): void {
  const neighbour = before.find((other) => other.address === address && other.port === port);
  checks
    .that(Number.isInteger(port) && port >= 1 && port <= 65_535, `${path}.port`, port, "must be a port from 1 to 65535")
    .that(
      neighbour === undefined,
      `${path}.address`,
      `${address}:${port}`,
      `must be its own, but ${neighbour?.name} listens there; move one of them to another address or port`,
    )
    .that(
      LOGIN_PATTERN.test(login) && login !== "root",
      `${path}.login`,
      login,
      "must be the name of the image's user, 1 to 32 lower-case letters, digits, _ and -, and not root",
    )
    .that(
      !/[\r\n\0]|\\$/.test(forcedCommand),
      `${path}.forcedCommand`,
      forcedCommand,
      "must be one line that does not end with a backslash, since authorized_keys holds it between quotes",
    );
}
