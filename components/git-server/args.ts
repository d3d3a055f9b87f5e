import type * as pulumi from "@pulumi/pulumi";
import {
  NETWORK,
  PLACEMENT,
  callback,
  checkShape,
  instanceOf,
  listOf,
  maybe,
  number,
  shape,
  text,
  textInput,
  texts,
} from "../core/argument-shape";
import { Checks } from "../core/errors";
import type { Placement } from "../core/host";
import { imageReference } from "../core/images";
import { NAME_PATTERN, REPOSITORY_PATTERN, REPOSITORY_REMEDY, isBranch } from "../core/naming";
import type { ContainerTransform } from "../core/container-transform";
import type { ServiceNetwork } from "../core/service-network";
import type { SshMember, SshNode } from "../index";
import { SESSION_COMMAND } from "./git-files";

/** What a mesh has to know of the server before it is made. */
export interface GitServerDescription {
  /** Network that the server joins; its address comes from it. */
  network: ServiceNetwork;

  /** Hosts of which the first runs the server. @default the network's */
  placement?: Placement;

  /** Port that it listens on. @default 2222 */
  port?: number;

  /** Image with `sshd` and `ssh` under Debian's paths, `git`, `curl`, `timeout` and `/bin/sh`, whose `/etc/ssh/ssh_config` includes the mesh's. @default Dockyard's own */
  image?: string;

  /** `uid:gid` that the image's software runs as. @default "2223:2223" */
  user?: string;

  /** Name of that user in the image, whose home is `/repositories`. @default "git" */
  login?: string;
}

const DESCRIPTION = shape<GitServerDescription>({
  network: NETWORK,
  placement: maybe(PLACEMENT),
  port: maybe(number),
  image: maybe(text),
  user: maybe(text),
  login: maybe(text),
});

export interface GitRepository {
  /** Name, by which it is cloned: `ssh://git@<server>/<name>.git`. */
  readonly name: string;

  /** Branch that it begins with, and that a clone has. @default "main" */
  readonly branch?: string;
}

/** Who is told of a push. */
export interface GitListener {
  /** Repository whose pushes it is told of. */
  readonly repository: string;

  /** URL that is sent an empty POST, with its user and password where it asks for them; a secret. */
  readonly url: pulumi.Output<string>;
}

export interface GitServerArgs {
  /** Network that the server joins, as in its description. */
  network: ServiceNetwork;

  /** The server, as the mesh hands it out. */
  member: SshMember;

  /** Repositories that are there after `up`; one that is no longer declared is served no more, and its data stays. */
  repositories: readonly GitRepository[];

  /** Members of the mesh that may fetch and not push: those that run what others have written. @default none */
  readers?: readonly { readonly address: string }[];

  /** Who is told of pushes; who does not answer within two seconds does not hold one up. @default none */
  listeners?: readonly GitListener[];

  /** Memory limit in MiB: what a push or a fetch packs is in it. @default 192 */
  memoryMiB?: number;

  /** CPUs that the server may use. @default 1 */
  cpus?: number;

  /** Data volumes that may be deleted, by their name on the engine. @default none */
  allowDataLoss?: readonly string[];

  /** Last word on the server's container. @default none */
  transform?: ContainerTransform;
}

const ARGUMENTS = shape<GitServerArgs>({
  network: NETWORK,
  member: instanceOf("member of an SshKeyMesh", "node", "command"),
  repositories: listOf(shape<GitRepository>({ name: text, branch: maybe(text) })),
  readers: maybe(listOf(instanceOf("client or node of an SshKeyMesh", "address"))),
  listeners: maybe(listOf(shape<GitListener>({ repository: text, url: textInput }))),
  memoryMiB: maybe(number),
  cpus: maybe(number),
  allowDataLoss: maybe(texts),
  transform: maybe(callback),
});

export type NormalGitServerArgs = Required<Omit<GitServerArgs, "transform" | "repositories">> &
  Pick<GitServerArgs, "transform"> & { readonly repositories: readonly Required<GitRepository>[] };

/**
 * The server for the mesh. It runs git for whoever may log in, and logs in nowhere itself.
 *
 * @throws {ConfigError} naming every fault at once.
 */
export function describeGitServer(name: string, description: GitServerDescription): SshNode {
  checkShape(name, description, DESCRIPTION);
  const {
    network,
    placement = network.placement,
    port = 2222,
    image = imageReference("git-server"),
    user = "2223:2223",
    login = "git",
  } = description;
  new Checks(name)
    .that(NAME_PATTERN.test(name), "name", name, "must be lower-case letters, digits and inner hyphens, since the server is called by it")
    .done();
  const [address = ""] = network.addressesOf(name, 1);
  return {
    name: `${name}-1`,
    host: placement.hostFor(0),
    address,
    port,
    image,
    user,
    login,
    forcedCommand: SESSION_COMMAND,
    logsInTo: [],
  };
}

/**
 * Fills in the defaults and refuses what cannot work.
 *
 * @throws {ConfigError} naming every fault at once.
 */
export function normalizeGitServerArgs(name: string, args: GitServerArgs): NormalGitServerArgs {
  checkShape(name, args, ARGUMENTS);
  const { readers = [], listeners = [], memoryMiB = 192, cpus = 1, allowDataLoss = [], ...given } = args;
  const repositories = args.repositories.map(({ branch = "main", ...each }) => ({ ...each, branch }));

  const names = repositories.map((repository) => repository.name);
  const checks = new Checks(name).that(
    memoryMiB >= 64,
    "memoryMiB",
    memoryMiB,
    "must be 64 or more: git packs what is pushed and fetched in it",
  );
  repositories.forEach(({ name: repository, branch }, index) => {
    const path = `repositories[${index}]`;
    const remedy = `${REPOSITORY_REMEDY}, and not end in .git`;
    checks
      .that(REPOSITORY_PATTERN.test(repository) && !repository.endsWith(".git"), `${path}.name`, repository, remedy)
      .that(names.indexOf(repository) === index, `${path}.name`, repository, "must be its own; rename or remove the other repository")
      .that(isBranch(branch), `${path}.branch`, branch, "must be the name of a branch, such as main");
  });
  listeners.forEach(({ repository }, index) => {
    const remedy = `must be a repository of the server: ${names.join(", ") || "there is none"}`;
    checks.that(names.includes(repository), `listeners[${index}].repository`, repository, remedy);
  });
  checks.done();

  return { ...given, repositories, readers, listeners, memoryMiB, cpus, allowDataLoss };
}
