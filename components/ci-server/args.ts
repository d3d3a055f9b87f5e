import type * as pulumi from "@pulumi/pulumi";
import {
  NETWORK,
  PLACEMENT,
  anything,
  callback,
  checkShape,
  listOf,
  maybe,
  number,
  oneOf,
  shape,
  text,
  texts,
} from "../core/argument-shape";
import { Checks, bounded } from "../core/errors";
import type { Placement } from "../core/host";
import { NAME_PATTERN } from "../core/naming";
import { checkSecret } from "../core/secret";
import type { ContainerTransform } from "../core/container-transform";
import type { PreparedMount } from "../core/service-container";
import type { ServiceNetwork } from "../core/service-network";
import type { SshClient } from "../index";
import { CiEngine, ENGINE, ENGINE_DEFAULTS, MOST_WORKERS, NormalEngine, checkEngine, normalizeEngine } from "./engine-args";
import {
  CiJob,
  CiRepository,
  JOBS,
  NormalCiJob,
  NormalCiRepository,
  REPOSITORIES,
  checkJobs,
  checkRepositories,
  normalizeJobs,
  normalizeRepositories,
} from "./job-args";

export interface CiUser {
  readonly name: string;

  /** What the user may do: an `admin` everything, a `builder` start and stop builds. Whoever reaches the page reads it; Jenkins' shows jobs to users alone. @default "builder" */
  readonly role?: "admin" | "builder";

  /** Password, a secret. @default a generated one */
  readonly password?: pulumi.Output<string>;
}

/** What a mesh has to know of the containers that clone before they are made. */
export interface CiServerDescription {
  /** Network that they join; their addresses come from it. */
  network: ServiceNetwork;

  /** Hosts of which the first runs the server, and over which the workers are spread. @default the network's */
  placement?: Placement;

  /** Software, and what is its own, as in the server's arguments. @default { type: "buildbot" } */
  engine?: CiEngine;

  /** Image of the server, as in its arguments. @default that of the engine */
  image?: string;

  /** `uid:gid` that it runs as, as in its arguments. @default that of the engine */
  user?: string;

  /** Names of the nodes of the mesh that they may log in to: the server that holds the repositories. What jobs run may do the same. */
  logsInTo: readonly string[];
}

export interface CiServerArgs {
  /** Network that the server and its workers join; their addresses come from it. */
  network: ServiceNetwork;

  /** Hosts of which the first runs the server, and over which the workers are spread. @default the network's */
  placement?: Placement;

  /** Software, and what is its own. @default { type: "buildbot" } */
  engine?: CiEngine;

  /** Port of the web page, inside the container and on its host's loopback. @default 8010 */
  port?: number;

  /** Repositories and when their new commits are built. @default none */
  repositories?: readonly CiRepository[];

  /** Jobs, each on one repository. @default none */
  jobs?: readonly CiJob[];

  /** Users; with GitLab its own `root`, and no other. @default one admin, whose name is "admin" */
  users?: readonly CiUser[];

  /** Volumes that a container finds filled, such as its part of an `SshKeyMesh`, by the container's name. @default none */
  mounts?: (node: string) => readonly PreparedMount[];

  /** Memory limit of the server in MiB. @default 256, with Jenkins 1536, with GitLab 4096 */
  memoryMiB?: number;

  /** CPUs that the server may use. @default 1 */
  cpus?: number;

  /** Image of the server: Dockyard's own, or an official one of Jenkins' or GitLab's. @default that of the engine */
  image?: string;

  /** `uid:gid` that the image's software runs as. @default "8010:8010", with Jenkins "1000:1000", with GitLab "0:0" */
  user?: string;

  /** Data volumes that may be deleted, by their name on the engine. @default none */
  allowDataLoss?: readonly string[];

  /** Last word on each container. @default none */
  transform?: ContainerTransform;
}

const DESCRIPTION = shape<CiServerDescription>({
  network: NETWORK,
  placement: maybe(PLACEMENT),
  engine: maybe(ENGINE),
  image: maybe(text),
  user: maybe(text),
  logsInTo: texts,
});

const ARGUMENTS = shape<CiServerArgs>({
  network: NETWORK,
  placement: maybe(PLACEMENT),
  engine: maybe(ENGINE),
  port: maybe(number),
  repositories: maybe(REPOSITORIES),
  jobs: maybe(JOBS),
  // A password in clear is told by its own check.
  users: maybe(listOf(shape<CiUser>({ name: text, role: maybe(oneOf(["admin", "builder"])), password: maybe(anything) }))),
  mounts: maybe(callback),
  memoryMiB: maybe(number),
  cpus: maybe(number),
  image: maybe(text),
  user: maybe(text),
  allowDataLoss: maybe(texts),
  transform: maybe(callback),
});

export type NormalCiUser = Required<Omit<CiUser, "password">> & Pick<CiUser, "password">;
type Own = "transform" | "engine" | "repositories" | "jobs" | "users";
export type NormalCiServerArgs<E extends NormalEngine = NormalEngine> = Required<Omit<CiServerArgs, Own>> &
  Pick<CiServerArgs, "transform"> & {
    readonly engine: E;
    readonly repositories: readonly NormalCiRepository[];
    readonly jobs: readonly NormalCiJob[];
    readonly users: readonly NormalCiUser[];
  };

export function serverName(name: string): string {
  return `${name}-1`;
}

/** Component that workers belong to, in the labels and among the network's addresses. */
export function workerComponent(name: string): string {
  return `${name}-worker`;
}

/**
 * The containers that clone: the server, and its workers behind it.
 *
 * @throws {ConfigError} naming every fault at once.
 */
export function describeCiServer(name: string, description: CiServerDescription): readonly SshClient[] {
  checkShape(name, description, DESCRIPTION);
  const { network, placement = network.placement, engine: given = { type: "buildbot" }, logsInTo } = description;
  const { image = ENGINE_DEFAULTS[given.type].image(), user = ENGINE_DEFAULTS[given.type].user } = description;
  const engine = normalizeEngine(given, image);
  const [address = ""] = network.addressesOf(name, 1);
  const server = { name: serverName(name), host: placement.hostFor(0), address, image, user, logsInTo };
  const workers = engine.type === "buildbot" ? bounded(engine.workers, 1, MOST_WORKERS) : 0;
  const addresses = workers === 0 ? [] : network.addressesOf(workerComponent(name), workers);
  return [
    server,
    ...addresses.map((each, index) => ({
      ...server,
      name: `${workerComponent(name)}-${index + 1}`,
      host: placement.hostFor(index),
      address: each,
      ...(engine.type === "buildbot" && { image: engine.workerImage }),
    })),
  ];
}

/** Names that need no care in a shell, a file, a URL or a log. */
const USER_PATTERN = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/**
 * Fills in the defaults and refuses what cannot work.
 *
 * @throws {ConfigError} naming every fault at once.
 */
export function normalizeCiServerArgs(name: string, args: CiServerArgs): NormalCiServerArgs {
  checkShape(name, args, ARGUMENTS);
  const { type } = args.engine ?? { type: "buildbot" };
  const defaults = ENGINE_DEFAULTS[type];
  const {
    placement = args.network.placement,
    port = 8010,
    users = [{ name: type === "gitlab" ? "root" : "admin", role: "admin" }],
    mounts = () => [],
    memoryMiB = defaults.memoryMiB,
    cpus = 1,
    image = defaults.image(),
    user = defaults.user,
    allowDataLoss = [],
    engine: given = { type: "buildbot" },
    transform,
    network,
  } = args;
  const repositories = normalizeRepositories(args.repositories ?? []);
  const jobs = normalizeJobs(args.jobs ?? [], repositories);
  const engine = normalizeEngine(given, image);
  const normalUsers = users.map(({ role = "builder", ...each }): NormalCiUser => ({ ...each, role }));

  const checks = new Checks(name)
    .that(
      NAME_PATTERN.test(name),
      "name",
      name,
      "must be lower-case letters, digits and inner hyphens, since its containers are called by it",
    )
    .that(
      Number.isInteger(port) && port >= 1024 && port <= 65_535,
      "port",
      port,
      "must be a port from 1024 to 65535, since the server may not listen below",
    )
    .that(memoryMiB >= 192, "memoryMiB", memoryMiB, "must be 192 or more: the smallest of the engines takes a hundred when it does nothing")
    .that(cpus > 0, "cpus", cpus, "must be more than 0");
  checkUsers(checks, type, normalUsers);
  checkRepositories(checks, repositories);
  checkJobs(checks, jobs, repositories);
  checkEngine(checks, engine, { jobs, repositories });
  checks.done();

  return {
    network,
    placement,
    engine: engine.type === "buildbot" ? { ...engine, workers: bounded(engine.workers, 1, MOST_WORKERS) } : engine,
    port,
    repositories,
    jobs,
    users: normalUsers,
    mounts,
    memoryMiB,
    cpus,
    image,
    user,
    allowDataLoss,
    ...(transform && { transform }),
  };
}

function checkUsers(checks: Checks, engine: CiEngine["type"], users: readonly NormalCiUser[]): void {
  const gitlab = engine === "gitlab";
  checks.that(
    !gitlab || (users.length === 1 && users[0]?.name === "root"),
    "users",
    users.map(({ name }) => name),
    "must be root alone with GitLab, which keeps its users itself; leave it out",
  );
  checks.that(
    users.some(({ role }) => role === "admin") || gitlab,
    "users",
    users.map(({ name }) => name),
    "must hold an admin, or nobody could look after the server",
  );
  users.forEach(({ name, password }, index) => {
    const path = `users[${index}]`;
    checks
      .that(USER_PATTERN.test(name), `${path}.name`, name, "must be 1 to 64 letters, digits, '.', '_' and '-'")
      .that(
        users.findIndex((user) => user.name === name) === index,
        `${path}.name`,
        name,
        "must be its own; rename or remove the other user",
      );
    checkSecret(checks, `${path}.password`, password);
  });
}
