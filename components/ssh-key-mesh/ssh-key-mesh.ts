import * as pulumi from "@pulumi/pulumi";
import { Command } from "@pulumi/command/local/command";
import { ConfigError } from "../core/errors";
import { ConfigFile, LiveConfigArgs, createLiveConfig } from "../core/live-config";
import { engineName, nameOnEngines } from "../core/naming";
import { rotatingKey } from "../core/secret";
import type { PreparedMount } from "../core/service-container";
import { NormalSshClient, NormalSshNode, SshKeyMeshArgs, normalizeSshKeyMeshArgs } from "./args";
import { MeshContainer, clientCheck, nodeCheck, openCommand, settleCommand, sshProbe, sshdCommand, sshdReload } from "./mesh-command";
import {
  HostIdentity,
  LoginIdentity,
  MESH_FILES,
  MESH_PATH,
  RUN_PATH,
  renderAuthorizedKeys,
  renderKnownHosts,
  loginKeyFile,
  renderSshConfig,
  renderSshdConfig,
} from "./mesh-files";
import { renderSshPrivateKey, sshPublicKey } from "./openssh-key";

/** What a node's container takes: the volume that a client's takes as well, and its server. */
export interface SshMember extends PreparedMount {
  readonly node: NormalSshNode;

  /** Argument array that runs the server. */
  readonly command: readonly string[];

  /** Folder in memory that the server needs, with its mount options. */
  readonly tmpfs: Readonly<Record<string, string>>;

  /** Argument array that has the node log in to itself, for its health check. */
  readonly probe: readonly string[];
}

/**
 * Containers that log in to each other over SSH by their names, without a password and without a question.
 *
 * Each node has an Ed25519 key to log in with and one that proves its server; the private halves reach it alone. All get the public halves of
 * all: who may log in, each with its own key from its own address, and which key proves whom. A node that comes or goes changes the files of
 * the others in the same `up` and replaces no container. A key is made anew by `pulumi up --replace` of its resource, `<node>-login-key` or
 * `<node>-host-key`.
 *
 * A container takes its volume, and a node's the server's command and its folder in memory, from here. `ssh` finds the others where
 * `/etc/ssh/ssh_config` includes `/etc/ssh/mesh/current/ssh_config`, as in Dockyard's own image, or with `-F` and that path. A server that is
 * not root runs as the user that it lets in, so whoever is let in can read that node's own keys.
 *
 * @example
 * const [address] = network.addressesOf("deployer", 1);
 * const deployer = { name: "deployer-1", host, address, image, user: "1000:1000" };
 * const mesh = new SshKeyMesh("mesh", { nodes: SshNodes.describe("ops", { network }), clients: [deployer] });
 * new AppService("deployer", { ..., mounts: (instance) => [mesh.client(instance)] });
 */
export class SshKeyMesh extends pulumi.ComponentResource {
  private readonly name: string;
  private readonly members: Readonly<Record<string, SshMember>>;
  private readonly clients: Readonly<Record<string, PreparedMount>>;

  constructor(resourceName: string, args: SshKeyMeshArgs, opts?: pulumi.ComponentResourceOptions) {
    super("dockyard:index:SshKeyMesh", resourceName, {}, opts);
    const name = nameOnEngines(resourceName, opts);
    this.name = name;
    const mesh = normalizeSshKeyMeshArgs(name, args);

    const nodes = mesh.nodes.map((node) => createNodeKeys(node, { parent: this }));
    const clients = mesh.clients.map((client) => createClientKeys(client, { parent: this }));
    const known = { nodes, all: [...nodes, ...clients] };
    const servers = mesh.nodes.map(serverOf);
    // A client that is told of a port before the server has it would find nobody there.
    const opened = new Command(`${name}-opened`, { create: openCommand(servers) }, { parent: this });
    const members = byName(nodes, (node) => createMember(name, node, known, { parent: this, dependsOn: [opened] }));
    const others = byName(clients, (client) => createClientMember(name, client, known, { parent: this, dependsOn: [opened] }));
    const installed = [...Object.values(members), ...Object.values(others)].map(({ ready }) => ready);
    const ready = createSettled(name, servers, installed, { parent: this });
    this.members = withReady(members, ready);
    this.clients = withReady(others, ready);

    this.registerOutputs({ nodes: Object.keys(this.members), clients: Object.keys(this.clients) });
  }

  /**
   * What the container of a node takes.
   *
   * @throws {ConfigError} when the mesh has no node of that name.
   */
  member(node: string): SshMember {
    return this.find("nodes", this.members, node);
  }

  /**
   * What the container of a client takes.
   *
   * @throws {ConfigError} when the mesh has no client of that name.
   */
  client(client: string): PreparedMount {
    return this.find("clients", this.clients, client);
  }

  private find<T>(argument: string, members: Readonly<Record<string, T>>, name: string): T {
    const found = members[name];
    if (found !== undefined) return found;
    const remedy = `must have it before it is asked for; there are ${Object.keys(members).join(", ") || "none"}`;
    throw new ConfigError([{ path: `${this.name}.${argument}`, value: name, remedy }]);
  }
}

interface KeyPair {
  /** A secret. */
  readonly privateHalf: pulumi.Output<string>;
  /** That one among others that are good as well, by their generations. */
  readonly privateHalves: ReadonlyMap<number, pulumi.Output<string>>;
  /** Generation of the pair that is used. */
  readonly generation: number;
  readonly publicHalf: pulumi.Output<string>;
  /** Public halves that are trusted; that of another pair as well while one takes the place of the other. */
  readonly trusted: readonly pulumi.Output<string>[];
}

interface KeyedClient {
  readonly node: NormalSshClient;
  readonly loginKey: KeyPair;
}

interface KeyedNode {
  readonly node: NormalSshNode;
  readonly loginKey: KeyPair;
  readonly hostKey: KeyPair;
}

/** The public halves of all, of which everyone gets those of the nodes that it logs in to, and a node those of who logs in there. */
interface PublicKeys {
  readonly nodes: readonly KeyedNode[];
  readonly all: readonly KeyedClient[];
}

function createClientKeys(node: NormalSshClient, opts: pulumi.CustomResourceOptions): KeyedClient {
  return { node, loginKey: createKeyPair(`${node.name}-login-key`, node.name, opts) };
}

function createNodeKeys(node: NormalSshNode, opts: pulumi.CustomResourceOptions): KeyedNode {
  return { ...createClientKeys(node, opts), node, hostKey: createKeyPair(`${node.name}-host-key`, node.name, opts) };
}

function createKeyPair(name: string, owner: string, opts: pulumi.CustomResourceOptions): KeyPair {
  const seed = rotatingKey(name, 32, opts);
  const publicHalf = (of: pulumi.Output<string>) => pulumi.unsecret(of.apply(sshPublicKey));
  const privateHalf = (of: pulumi.Output<string>) => of.apply((bytes) => renderSshPrivateKey(bytes, owner));
  return {
    privateHalf: privateHalf(seed.used),
    privateHalves: new Map(seed.accepted.map((each, index) => [seed.generation - index, privateHalf(each)])),
    generation: seed.generation - seed.accepted.indexOf(seed.used),
    publicHalf: publicHalf(seed.used),
    trusted: seed.accepted.map(publicHalf),
  };
}

function loginsAt({ all }: PublicKeys, node: string): pulumi.Output<LoginIdentity[]> {
  const welcome = all.filter((each) => each.node.logsInTo.includes(node));
  return pulumi.all(
    welcome.flatMap(({ node: { name, address }, loginKey }) =>
      loginKey.trusted.map((half) => half.apply((key): LoginIdentity => ({ name, address, loginKey: key }))),
    ),
  );
}

function hostsOf(nodes: readonly KeyedNode[]): pulumi.Output<HostIdentity[]> {
  return pulumi.all(
    nodes.flatMap(({ node: { name, address, port }, hostKey }) =>
      hostKey.trusted.map((half) => half.apply((key): HostIdentity => ({ name, address, port, hostKey: key }))),
    ),
  );
}

/** What a container takes of the mesh, with the command that has written it. */
type Installed = PreparedMount & { readonly ready: Command };

function createMember(mesh: string, keyed: KeyedNode, known: PublicKeys, opts: pulumi.CustomResourceOptions): SshMember & Installed {
  const { node, hostKey } = keyed;
  const files = [
    ...clientFiles(keyed, known),
    { path: MESH_FILES.hostKey, content: hostKey.privateHalf, mode: "0600" },
    {
      path: MESH_FILES.authorizedKeys,
      content: loginsAt(known, node.name).apply((all) => renderAuthorizedKeys(all, node.forcedCommand)),
      mode: "0600",
    },
    { path: MESH_FILES.serverConfig, content: hostKey.publicHalf.apply((key) => renderSshdConfig(node, key)) },
  ];
  return {
    // A client that knows a server's new port finds it there, also where the server's container is about to be replaced.
    ...installFiles(mesh, node, { files, check: nodeCheck, reload: sshdReload(), together: true }, opts),
    node,
    command: sshdCommand(),
    tmpfs: { [RUN_PATH]: runOptions(node.user) },
    probe: sshProbe(),
  };
}

function createClientMember(mesh: string, keyed: KeyedClient, known: PublicKeys, opts: pulumi.CustomResourceOptions): Installed {
  return installFiles(mesh, keyed.node, { files: clientFiles(keyed, known), check: clientCheck }, opts);
}

function clientFiles({ node, loginKey }: KeyedClient, known: PublicKeys): ConfigFile[] {
  const reached = known.nodes.filter((each) => node.logsInTo.includes(each.node.name));
  return [
    ...[...loginKey.privateHalves].map(([generation, content]) => ({ path: loginKeyFile(generation), content, mode: "0600" })),
    { path: MESH_FILES.knownHosts, content: hostsOf(reached).apply(renderKnownHosts) },
    {
      path: MESH_FILES.clientConfig,
      content: renderSshConfig(
        reached.map((each) => each.node),
        loginKeyFile(loginKey.generation),
        node.name,
      ),
    },
  ];
}

function installFiles(
  mesh: string,
  { name, host, image, user }: NormalSshClient,
  config: Omit<LiveConfigArgs, "mountPath">,
  opts: pulumi.CustomResourceOptions,
): Installed {
  const node = { host, component: mesh, image, user, role: "ssh" };
  const { volumeName, command } = createLiveConfig(name, node, { mountPath: MESH_PATH, ...config }, opts);
  return { mount: { volume: volumeName, path: MESH_PATH, readOnly: true }, ready: command };
}

function serverOf({ name, host, address, port }: NormalSshNode): MeshContainer {
  return { docker: host.docker, container: engineName(name), listens: `${address}:${port}` };
}

/** Runs behind every change of the mesh, when all have been told of it and no container has been replaced yet. */
function createSettled(
  mesh: string,
  servers: readonly MeshContainer[],
  installed: readonly Command[],
  opts: pulumi.CustomResourceOptions,
): Command {
  const triggers = installed.map(({ stdout }) => stdout);
  return new Command(`${mesh}-settled`, { create: settleCommand(servers), triggers }, { ...opts, dependsOn: [...installed] });
}

function withReady<T extends PreparedMount>(installed: Readonly<Record<string, T>>, ready: Command): Readonly<Record<string, T>> {
  return Object.fromEntries(Object.entries(installed).map(([name, each]) => [name, { ...each, ready }]));
}

function runOptions(user: string): string {
  const [uid, gid] = user.split(":");
  return `rw,noexec,nosuid,nodev,size=64k,mode=0700,uid=${uid},gid=${gid}`;
}

function byName<K extends { readonly node: NormalSshClient }, T>(
  keyed: readonly K[],
  create: (keyed: K) => T,
): Readonly<Record<string, T>> {
  return Object.fromEntries(keyed.map((each) => [each.node.name, create(each)]));
}
