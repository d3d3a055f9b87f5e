/** A mesh over nodes of Dockyard's and over containers that a user has besides: a server with a command of its own, and a client. */
import * as pulumi from "@pulumi/pulumi";
import { Container } from "@pulumi/docker/container";
import { Host, Placement, ServiceNetwork, SshKeyMesh, SshNode, SshNodes, imageReference } from "../../../../components";
import { engineName, ownershipLabels } from "../../../../components/core/naming";

const config = new pulumi.Config("dockyard");
const { subnet, addresses } = config.requireObject<{ subnet: string; addresses: { ops: string; git: string; runner: string } }>("network");
const { nodes, git: withGit, runner: withRunner, ...server } = config.requireObject<Mesh>("mesh");

interface Mesh {
  readonly nodes: number;
  readonly git: boolean;
  readonly runner: boolean;
  readonly port?: number;
  readonly image?: string;
}

const host = new Host({ name: "local" });
const network = new ServiceNetwork("services", { placement: new Placement([host]), subnet, addresses: { ops: addresses.ops } });

const own = { host, image: imageReference("ssh-node"), user: "2222:2222" };
const forcedCommand = 'echo "git was asked: $SSH_ORIGINAL_COMMAND"';
const git: SshNode = { ...own, name: "git", address: addresses.git, port: 22, login: "ops", forcedCommand };
const runner = { ...own, name: "runner", address: addresses.runner };
const ops = SshNodes.describe("ops", { network, nodes, ...server });

const mesh = new SshKeyMesh("mesh", { nodes: withGit ? [git, ...ops] : ops, clients: withRunner ? [runner] : [] });
new SshNodes("ops", { network, members: ops.map(({ name }) => mesh.member(name)) });

if (withGit) {
  const { command, tmpfs, mount, ready } = mesh.member("git");
  createOwnContainer("git", addresses.git, { command: [...command], tmpfs: { ...tmpfs } }, mount, ready);
}
if (withRunner) {
  const { mount, ready } = mesh.client("runner");
  createOwnContainer("runner", addresses.runner, { command: ["sleep", "infinity"] }, mount, ready);
}

function createOwnContainer(
  name: string,
  address: string,
  args: { command: string[]; tmpfs?: Record<string, string> },
  mount: { volume: string; path: string; readOnly?: boolean },
  ready: pulumi.Resource,
): void {
  new Container(
    name,
    {
      name: engineName(name),
      hostname: name,
      image: own.image,
      user: own.user,
      labels: ownershipLabels(name, name),
      networksAdvanced: [{ name: network.networkName, ipv4Address: address }],
      volumes: [{ volumeName: mount.volume, containerPath: mount.path, readOnly: mount.readOnly }],
      destroyGraceSeconds: 5,
      ...args,
    },
    { dependsOn: [network.network, ready], deleteBeforeReplace: true },
  );
}
