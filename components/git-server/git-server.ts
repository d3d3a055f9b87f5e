import * as pulumi from "@pulumi/pulumi";
import { digestOfText } from "../core/digest";
import { Endpoint } from "../core/endpoint";
import { healthCondition } from "../core/gate";
import type { ConfigFile } from "../core/live-config";
import { engineName, nameOnEngines } from "../core/naming";
import { RollingNode, RollingSet } from "../core/rolling-set";
import { secretOnly } from "../core/secret";
import { DEFAULT_TMPFS } from "../core/service-container";
import type { SshNode } from "../index";
import { GitServerArgs, GitServerDescription, NormalGitServerArgs, describeGitServer, normalizeGitServerArgs } from "./args";
import {
  GIT_CONFIG_PATH,
  REPOSITORIES_PATH,
  createCommand,
  filesCheck,
  gitScripts,
  renderListeners,
  renderReaders,
  renderRepositories,
  startCommand,
} from "./git-files";

/**
 * Bare git repositories behind SSH, for the members of an {@link SshKeyMesh}: whoever may log in to the server fetches and pushes, and can
 * run nothing else there.
 *
 * A push tells those who listen, such as a {@link CiServer}, and never waits long for one that does not answer. Repositories, readers and
 * listeners change while the server runs.
 *
 * @example
 * const git = GitServer.describe("git", { network });
 * const ops = SshNodes.describe("ops", { network });
 * const mesh = new SshKeyMesh("mesh", { nodes: [git, ...ops] });
 * new GitServer("git", { network, member: mesh.member(git.name), repositories: [{ name: "shop" }] });
 * // docker exec <stack>-ops-1 git clone ssh://git@git-1/shop.git
 */
export class GitServer extends pulumi.ComponentResource {
  /** SSH server on the service network. */
  public readonly endpoint: Endpoint;

  /** URL of each repository for members of the mesh, by its name. */
  public readonly urls: Readonly<Record<string, string>>;

  constructor(resourceName: string, args: GitServerArgs, opts?: pulumi.ComponentResourceOptions) {
    super("dockyard:index:GitServer", resourceName, {}, opts);
    const name = nameOnEngines(resourceName, opts);
    const server = normalizeGitServerArgs(name, args);

    const { node } = server.member;
    this.endpoint = new Endpoint(node.address, node.port);
    this.urls = Object.fromEntries(server.repositories.map((repository) => [repository.name, GitServer.urlOf(node, repository.name)]));
    createServer(name, server, { parent: this });

    this.registerOutputs({ endpoint: String(this.endpoint), urls: this.urls });
  }

  /**
   * The server for the mesh.
   *
   * @throws {ConfigError} naming every fault at once.
   */
  static describe(name: string, description: GitServerDescription): SshNode {
    return describeGitServer(name, description);
  }

  /** URL of a repository for members of the mesh, who know the server by its name. */
  static urlOf({ name, login }: Pick<SshNode, "name" | "login">, repository: string): string {
    return `ssh://${login}@${name}/${repository}.git`;
  }
}

function createServer(name: string, server: NormalGitServerArgs, opts: pulumi.ComponentResourceOptions): RollingSet {
  const { allowDataLoss, member } = server;
  return new RollingSet(
    `${name}-server`,
    { component: name, nodes: [serverNode(name, server)], after: [member.ready], allowDataLoss },
    opts,
  );
}

function serverNode(name: string, server: NormalGitServerArgs): RollingNode {
  const { network, member, memoryMiB, cpus, transform } = server;
  const { node, mount, command, tmpfs, probe } = member;
  const scripts = gitScripts();
  return {
    name: node.name,
    host: node.host,
    dataPath: REPOSITORIES_PATH,
    config: {
      mountPath: GIT_CONFIG_PATH,
      files: [
        ...scripts,
        { path: "repositories", content: renderRepositories(server.repositories) },
        { path: "readers", content: renderReaders(server.readers.map(({ address }) => address)) },
        ...listenerFiles(name, server),
      ],
      check: filesCheck,
      reload: createCommand(),
    },
    container: {
      network,
      address: node.address,
      image: node.image,
      user: node.user,
      memoryMiB,
      cpus,
      transform,
      command: startCommand(command),
      startConfiguration: digestOfText(scripts.flatMap(({ path, content }) => (path === "start" ? [content] : []))),
      mounts: [mount],
      tmpfs: { ...DEFAULT_TMPFS, ...tmpfs },
      health: { command: probe, timeoutSeconds: 5 },
    },
    whole: healthCondition(engineName(node.name), probe),
  };
}

/** One file for each repository that somebody listens to: the requests that a push to it makes. */
function listenerFiles(name: string, { repositories, listeners }: NormalGitServerArgs): ConfigFile[] {
  return repositories.flatMap(({ name: repository }) => {
    const urls = listeners.flatMap((listener, index) =>
      listener.repository === repository ? [secretOnly(`${name}.listeners[${index}].url`, listener.url)] : [],
    );
    return urls.length === 0 ? [] : [{ path: `listeners/${repository}`, content: pulumi.all(urls).apply(renderListeners), mode: "0400" }];
  });
}
