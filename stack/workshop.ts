import { CiServer, GitServer, type ServiceNetwork, SshKeyMesh, SshNodes } from "../components";
import type { StackConfig } from "./config";

/** Nodes to log in to and, from them, repositories to push to, which are built; returns who builds, where somebody does. */
export function createWorkshop(network: ServiceNetwork, config: StackConfig): CiServer | undefined {
  if (config.without.has("ops")) return undefined;
  const { allowDataLoss } = config;
  const ops = SshNodes.describe("ops", { network, ...config.ops });
  // Who pushes does so from one of the nodes to log in to.
  const git = config.without.has("ci") ? undefined : GitServer.describe("ci-git", { network });
  const cloning = git ? CiServer.describe("ci", { network, logsInTo: [git.name] }) : [];
  const mesh = new SshKeyMesh("mesh", { nodes: [...ops, ...(git ? [git] : [])], clients: cloning });
  new SshNodes("ops", { network, members: ops.map(({ name }) => mesh.member(name)), allowDataLoss });
  if (!git) return undefined;

  // What is pushed to the sample repository is built: whatever its Makefile calls a test.
  const ci = new CiServer("ci", {
    network,
    port: config.ci.port,
    memoryMiB: config.ci.memoryMiB,
    repositories: [{ name: "sample", url: GitServer.urlOf(git, "sample"), pollSeconds: config.ci.pollSeconds }],
    jobs: [{ name: "sample-test", repository: "sample", steps: [{ name: "test", command: ["make", "test"] }] }],
    users: [{ name: "admin", role: "admin" }, { name: "developer" }],
    mounts: (node) => [mesh.client(node)],
    allowDataLoss,
  });
  new GitServer("ci-git", {
    network,
    member: mesh.member(git.name),
    repositories: [{ name: "sample" }],
    readers: cloning,
    listeners: ci.listeners,
    allowDataLoss,
  });
  return ci;
}
