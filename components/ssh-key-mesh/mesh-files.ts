import { createHash } from "node:crypto";

/** A node as those see it that log in to it. */
export interface MeshNode {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  /** Name of the user that logs in there. */
  readonly login: string;
}

/** Who logs in, from where, and with which public key, `ssh-ed25519 AAAA…`. */
export interface LoginIdentity {
  readonly name: string;
  readonly address: string;
  readonly loginKey: string;
}

/** What a server proves itself by: a public key, `ssh-ed25519 AAAA…`. */
export interface HostIdentity {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly hostKey: string;
}

/** Where every node has the mesh's files; a constant, since images include the client's configuration from there. */
export const MESH_PATH = "/etc/ssh/mesh";
/** The version of them that is in use. */
export const CURRENT = `${MESH_PATH}/current`;

/** Folder in memory for the server's PID file. */
export const RUN_PATH = "/run/ssh-mesh";

/** Setting of the server's: where else it listens while it moves, and not everyone knows where it is. */
export const ALSO_LISTENS = `${RUN_PATH}/also-listens.conf`;

/** Files of a node, as they are called in its folder. */
export const MESH_FILES = {
  loginKey: "id_ed25519",
  hostKey: "host_ed25519",
  authorizedKeys: "authorized_keys",
  knownHosts: "known_hosts",
  clientConfig: "ssh_config",
  serverConfig: "sshd_config",
} as const;

/** File of a login key by its generation: ssh reads the file of one twice in a login, so another key is never in the place of it. */
export function loginKeyFile(generation: number): string {
  return generation === 0 ? MESH_FILES.loginKey : `${MESH_FILES.loginKey}-${generation}`;
}

/**
 * Who may log in: each with the key that is its own, and from the address that is its own.
 *
 * What a login may do is said here as well as in `sshd_config`, because it then also holds for a server with a configuration of its own.
 *
 * @param forcedCommand What every login runs, whatever it asks for.
 */
export function renderAuthorizedKeys(logins: readonly LoginIdentity[], forcedCommand?: string): string {
  const allowed = forcedCommand === undefined ? "restrict,pty" : `restrict,command="${forcedCommand.replaceAll('"', '\\"')}"`;
  return text(byName(logins).map(({ name, address, loginKey }) => `${allowed},from="${address}" ${loginKey} ${name}`));
}

/**
 * Which key proves which node, under its name and its address.
 *
 * Under its name alone as well, which is what the mesh's own clients ask for: one that is just logging in has read where the node was, and may
 * find here where it is.
 */
export function renderKnownHosts(hosts: readonly HostIdentity[]): string {
  return text(
    byName(hosts).map(
      ({ name, address, port, hostKey }) => `${[...new Set([name, knownAs(name, port), knownAs(address, port)])].join(",")} ${hostKey}`,
    ),
  );
}

/** How a host is written in `known_hosts`: with its port where that is not the usual one. */
function knownAs(host: string, port: number): string {
  return port === 22 ? host : `[${host}]:${port}`;
}

/**
 * How the nodes are reached: by their names alone, with no question asked, and trusting only the pinned keys.
 *
 * @param loginKey File of the key that is used.
 * @param own Node that the file is for. `localhost` is the node itself, whose server listens on its own address only.
 */
export function renderSshConfig(nodes: readonly MeshNode[], loginKey: string, own?: string): string {
  const hosts = byName(nodes).map((node) => ({
    ...node,
    alias: node.name,
    names: [node.name, node.address, ...(node.name === own ? ["localhost"] : [])],
  }));
  return text([
    ...hosts.flatMap(({ names, alias, address, port, login }) => [
      `Host ${names.join(" ")}`,
      `  HostName ${address}`,
      `  Port ${port}`,
      `  User ${login}`,
      `  HostKeyAlias ${alias}`,
      "",
    ]),
    `Host ${[...new Set(hosts.flatMap(({ names }) => names))].join(" ")}`,
    `  IdentityFile ${CURRENT}/${loginKey}`,
    "  IdentitiesOnly yes",
    "  IdentityAgent none",
    `  UserKnownHostsFile ${CURRENT}/${MESH_FILES.knownHosts}`,
    "  GlobalKnownHostsFile none",
    "  StrictHostKeyChecking yes",
    "  UpdateHostKeys no",
    "  BatchMode yes",
    // A server that is just being replaced or takes its configuration up is back within a second.
    "  ConnectTimeout 5",
    "  ConnectionAttempts 3",
    "  ServerAliveInterval 15",
    "  ForwardAgent no",
    "  ForwardX11 no",
  ]);
}

/** The server: keys only, one unprivileged user, a shell and files but nothing forwarded. */
export function renderSshdConfig(node: MeshNode, hostKey: string): string {
  const settings = [
    "AddressFamily inet",
    `ListenAddress ${node.address}:${node.port}`,
    `HostKey ${CURRENT}/${MESH_FILES.hostKey}`,
    "",
    `AllowUsers ${node.login}`,
    "PermitRootLogin no",
    "AuthenticationMethods publickey",
    `AuthorizedKeysFile ${CURRENT}/${MESH_FILES.authorizedKeys}`,
    "StrictModes yes",
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
    "UsePAM no",
    "MaxAuthTries 3",
    "LoginGraceTime 20",
    "",
    "AllowAgentForwarding no",
    "AllowTcpForwarding no",
    "AllowStreamLocalForwarding no",
    "GatewayPorts no",
    "PermitTunnel no",
    "X11Forwarding no",
    "PermitUserEnvironment no",
    "PermitUserRC no",
    "",
    "ClientAliveInterval 30",
    "PrintMotd no",
    "Subsystem sftp internal-sftp",
    `Include ${ALSO_LISTENS}`,
  ];
  return text([...settings, `PidFile ${pidFile([...settings, hostKey])}`]);
}

/**
 * A PID file that is called after what the server read when it wrote it.
 *
 * So the file that is there tells which settings and which host key the running server has taken up.
 */
function pidFile(configuration: readonly string[]): string {
  const digest = createHash("sha256").update(JSON.stringify(configuration)).digest("hex").slice(0, 12);
  return `${RUN_PATH}/${digest}.pid`;
}

function byName<T extends { readonly name: string }>(nodes: readonly T[]): T[] {
  // One that is there with two keys stays in its order.
  return [...nodes].sort((a, b) => (a.name === b.name ? 0 : a.name < b.name ? -1 : 1));
}

function text(lines: readonly string[]): string {
  return `${lines.join("\n")}\n`;
}
