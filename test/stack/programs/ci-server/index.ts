/** A git server, a CI server that builds what is pushed there, and two nodes to push from. */
import * as pulumi from "@pulumi/pulumi";
import { CiJob, CiServer, CiUser, GitServer, Host, Placement, ServiceNetwork, SshKeyMesh, SshNodes } from "../../../../components";

interface Settings {
  readonly port: number;
  readonly push: boolean;
  readonly pollSeconds: number | null;
  readonly jobs: readonly CiJob[];
  readonly users: readonly CiUser[];
}

const config = new pulumi.Config("dockyard");
const { subnet, first } = config.requireObject<{ subnet: string; first: string }>("network");
const { push, pollSeconds, ...settings } = config.requireObject<Settings>("ci");

const at = (host: number) => `${first}.${host}`;
const network = new ServiceNetwork("services", {
  placement: new Placement([new Host({ name: "local" })]),
  subnet,
  addresses: { ci: at(21), "ci-worker": at(22), "ci-git": at(26), ops: at(51) },
});

const git = GitServer.describe("ci-git", { network });
const ops = SshNodes.describe("ops", { network, nodes: 1 });
const members = CiServer.describe("ci", { network, logsInTo: [git.name] });
const mesh = new SshKeyMesh("mesh", { nodes: [...ops, git], clients: members });
new SshNodes("ops", { network, members: ops.map(({ name }) => mesh.member(name)) });

const ci = new CiServer("ci", {
  network,
  ...settings,
  repositories: [{ name: "sample", url: GitServer.urlOf(git, "sample"), push, pollSeconds }],
  mounts: (node) => [mesh.client(node)],
});
new GitServer("ci-git", {
  network,
  member: mesh.member(git.name),
  repositories: [{ name: "sample" }],
  readers: members,
  listeners: ci.listeners,
});

export const passwords = Object.fromEntries((settings.users ?? [{ name: "admin" }]).map(({ name }) => [name, ci.password(name)]));
