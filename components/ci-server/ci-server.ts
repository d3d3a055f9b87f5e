import * as pulumi from "@pulumi/pulumi";
import { Endpoint } from "../core/endpoint";
import { ConfigError } from "../core/errors";
import { nameOnEngines } from "../core/naming";
import { generatedPassword, secretOnly } from "../core/secret";
import type { GitListener, SshClient } from "../index";
import { CiServerArgs, CiServerDescription, NormalCiServerArgs, describeCiServer, normalizeCiServerArgs } from "./args";
import { createBuildbot } from "./buildbot-nodes";
import { createGitlab } from "./gitlab-node";
import { createJenkins } from "./jenkins-node";
import type { CreatedServer, Passwords, ServerPlace } from "./server-place";

/**
 * A server that builds every new commit: Buildbot with workers, Jenkins or GitLab, with the same arguments where they have the same.
 *
 * It hears of a push at once where the git server has its `listeners`, and looks by itself besides, so that a push that it was not told of
 * is built as well. Jobs, repositories and users change while it runs. What a job runs is whatever was pushed, as the user of the worker: it
 * reads the worker's own files, its keys among them, so a worker should be able to log in to the git server alone and only read there. Jobs on
 * one worker are not isolated from each other: the checkout is made afresh, but what one leaves behind another may find, so jobs that do not
 * trust each other need servers of their own. With Jenkins they run in the server itself, as its administrator.
 *
 * @example
 * const git = GitServer.describe("git", { network });
 * const members = CiServer.describe("ci", { network, logsInTo: [git.name] });
 * const mesh = new SshKeyMesh("mesh", { nodes: [git, ...ops], clients: members });
 * const ci = new CiServer("ci", {
 *   network,
 *   repositories: [{ name: "shop", url: GitServer.urlOf(git, "shop"), pollSeconds: 30 }],
 *   jobs: [{ name: "shop-test", repository: "shop", steps: [{ name: "test", command: ["make", "test"] }] }],
 *   mounts: (node) => [mesh.client(node)],
 * });
 * const { listeners } = ci;
 * new GitServer("git", { network, member: mesh.member(git.name), repositories: [{ name: "shop" }], readers: members, listeners });
 */
export class CiServer extends pulumi.ComponentResource {
  /** Web page on the service network. */
  public readonly endpoint: Endpoint;

  /** Web page on its host. */
  public readonly published: Endpoint;

  /** What a git server tells of pushes, for repositories with `push`; none with GitLab, which is the git server. */
  public readonly listeners: readonly GitListener[];

  private readonly name: string;
  private readonly passwords: Passwords;

  constructor(resourceName: string, args: CiServerArgs, opts?: pulumi.ComponentResourceOptions) {
    super("dockyard:index:CiServer", resourceName, {}, opts);
    const name = nameOnEngines(resourceName, opts);
    const ci = normalizeCiServerArgs(name, args);

    this.name = name;
    const [address = ""] = ci.network.addressesOf(name, 1);
    this.endpoint = new Endpoint(address, ci.port);
    this.published = new Endpoint(ci.placement.hostFor(0).address, ci.port);
    this.passwords = createPasswords(name, ci, { parent: this });
    const { endpoint, published, passwords } = this;
    this.listeners = createServer({ name, endpoint, published, passwords }, ci, { parent: this }).listeners;

    this.registerOutputs({ endpoint: String(this.endpoint), published: String(this.published) });
  }

  /**
   * The containers that clone, for a mesh: the server, and its workers behind it.
   *
   * @throws {ConfigError} naming every fault at once.
   */
  static describe(name: string, description: CiServerDescription): readonly SshClient[] {
    return describeCiServer(name, description);
  }

  /**
   * A user's password, a secret.
   *
   * @throws {ConfigError} when the server has no user of that name.
   */
  password(user: string): pulumi.Output<string> {
    const password = this.passwords[user];
    if (password !== undefined) return password;
    const remedy = `must have it before it is asked for; there are ${Object.keys(this.passwords).join(", ") || "none"}`;
    throw new ConfigError([{ path: `${this.name}.users`, value: user, remedy }]);
  }
}

function createPasswords(name: string, { users }: NormalCiServerArgs, opts: pulumi.CustomResourceOptions): Passwords {
  return Object.fromEntries(
    users.map(({ name: user, password }, index) => [
      user,
      password ? secretOnly(`${name}.users[${index}].password`, password) : generatedPassword(`${name}-user-${user}-password`, 32, opts),
    ]),
  );
}

function createServer(place: ServerPlace, ci: NormalCiServerArgs, opts: pulumi.ComponentResourceOptions): CreatedServer {
  const { engine } = ci;
  switch (engine.type) {
    case "buildbot":
      return createBuildbot(place, { ...ci, engine }, opts);
    case "jenkins":
      return createJenkins(place, { ...ci, engine }, opts);
    case "gitlab":
      return createGitlab(place, { ...ci, engine }, opts);
  }
}
