import * as pulumi from "@pulumi/pulumi";
import { Command } from "@pulumi/command/local/command";
import { digestOfText } from "../core/digest";
import { Endpoint } from "../core/endpoint";
import { ConfigError } from "../core/errors";
import { createFounding } from "../core/founding";
import type { ConfigFile } from "../core/live-config";
import { engineName, nameOnEngines } from "../core/naming";
import { dependencies } from "../core/resource-options";
import { RollingNode, RollingSet } from "../core/rolling-set";
import { RotatingSecret, givenSecret, rotatingPassword } from "../core/secret";
import { MysqlReplicaSetArgs, NormalMysqlReplicaSetArgs, Passwords, normalizeMysqlReplicaSetArgs } from "./args";
import { MYSQL_DATA_PATH, MYSQL_PORT, MYSQL_RUN_PATH, renderMyCnf } from "./my-cnf";
import { RoleListen, roleListen } from "./role-listen";
import {
  MYSQL_CONFIG_PATH,
  MYSQL_FILES,
  SetMember,
  keeperCommand,
  keeperProbe,
  mysqlTmpfs,
  renderAccess,
  renderKeeperConfig,
  settingsCheck,
} from "./set-files";
import { SetNode, nodeLeaveCommand, nodeSpareCondition, nodeWholeCondition, settledCommand } from "./set-gate";

/**
 * A MySQL server that takes writes, and replicas that are read from: what a client was told to be done is on a replica as well.
 *
 * Who leads is no part of the program: `npm run promote -- <name> 2` has another node lead, and an `up` after that changes nothing. A roll
 * has another one lead before it reaches the source. A server that starts takes no writes until its keeper has asked the others.
 *
 * @example
 * const mysql = new MysqlReplicaSet("mysql", {
 *   network,
 *   databases: ["shop"],
 *   users: [{ name: "goods", grants: [{ privileges: ["SELECT", "INSERT"], database: "shop" }] }],
 * });
 * mysql.password("goods"); // a secret
 * // One address that takes writes and one for reads, whoever leads:
 * new HaproxyKeepalivedPair("proxy", { haproxy: { listens: { mysql: { port: 3306, ...mysql.writes }, "mysql-read": { port: 3307, ...mysql.reads } } }, … });
 */
export class MysqlReplicaSet extends pulumi.ComponentResource {
  /** Every node on the service network; which of them leads is not told by their order. */
  public readonly endpoints: readonly Endpoint[];

  /** Every node on its host; empty where none is published. */
  public readonly published: readonly Endpoint[];

  /** What a `HaproxyListen` needs to lead to the node that takes writes. */
  public readonly writes: RoleListen;

  /** What a `HaproxyListen` needs to lead to the replicas, and to the source while there is none. */
  public readonly reads: RoleListen;

  private readonly name: string;
  private readonly passwords: Passwords;

  constructor(resourceName: string, args: MysqlReplicaSetArgs, opts?: pulumi.ComponentResourceOptions) {
    super("dockyard:index:MysqlReplicaSet", resourceName, {}, opts);
    const name = nameOnEngines(resourceName, opts);
    const set = normalizeMysqlReplicaSetArgs(name, args);

    this.name = name;
    const members = membersOf(name, set);
    this.endpoints = members.map(({ address }) => new Endpoint(address, MYSQL_PORT));
    this.published = publishedEndpoints(set);
    this.writes = roleListen(members, "/source");
    this.reads = roleListen(members, "/replica");
    const secrets = createSecrets(name, set, { parent: this });
    this.passwords = secrets.users;
    const nodes = createNodes(name, set, members, secrets, { parent: this });
    createSettlement(name, set, secrets, { parent: this, dependsOn: [...nodes.gates] });

    this.registerOutputs({ endpoints: this.endpoints.map(String), published: this.published.map(String) });
  }

  /**
   * A user's password, a secret.
   *
   * @throws {ConfigError} when the set has no user of that name.
   */
  password(user: string): pulumi.Output<string> {
    const password = this.passwords[user];
    if (password !== undefined) return password.used;
    const remedy = `must have it before it is asked for; there are ${Object.keys(this.passwords).join(", ") || "none"}`;
    throw new ConfigError([{ path: `${this.name}.users`, value: user, remedy }]);
  }
}

interface Secrets {
  readonly users: Passwords;
  readonly access: pulumi.Output<string>;
  readonly replication: RotatingSecret;
  /** What the keepers know each other by. */
  readonly token: RotatingSecret;
}

function createSecrets(name: string, { databases, users }: NormalMysqlReplicaSetArgs, opts: pulumi.CustomResourceOptions): Secrets {
  const passwords = Object.fromEntries(
    users.map(({ name: user, password }, index) => [
      user,
      password ? givenSecret(`${name}.users[${index}].password`, password) : rotatingPassword(`${name}-${user}-password`, 32, opts),
    ]),
  );
  const accepted = Object.fromEntries(Object.entries(passwords).map(([user, secret]) => [user, pulumi.all([...secret.accepted])]));
  return {
    users: passwords,
    access: pulumi.secret(pulumi.all(accepted).apply((known) => renderAccess(databases, users, known))),
    replication: rotatingPassword(`${name}-replication-password`, 32, opts),
    token: rotatingPassword(`${name}-keeper-token`, 48, opts),
  };
}

function membersOf(name: string, { network, replicas }: NormalMysqlReplicaSetArgs): SetMember[] {
  return network.addressesOf(name, 1 + replicas).map((address, index) => ({ name: `${name}-${index + 1}`, address }));
}

function setNodes(name: string, { replicas, placement }: NormalMysqlReplicaSetArgs): SetNode[] {
  return Array.from({ length: 1 + replicas }, (_, index) => ({
    name: `${name}-${index + 1}`,
    docker: placement.hostFor(index).docker,
    container: engineName(`${name}-${index + 1}`),
  }));
}

function createNodes(
  name: string,
  set: NormalMysqlReplicaSetArgs,
  members: readonly SetMember[],
  secrets: Secrets,
  opts: pulumi.ComponentResourceOptions & { parent: pulumi.Resource },
): RollingSet {
  const founding = createFounding(name, set.placement, opts);
  let before: Command | undefined;
  const nodes = setNodes(name, set).map((node, index): RollingNode => ({
    ...setNode(name, node, index, set, members, secrets, founding),
    membership: (container, memberOpts) =>
      (before = new Command(
        `${node.name}-membership`,
        { delete: nodeLeaveCommand(node, name, set.placement.dockers) },
        // By order only, so that a replaced container does not replace it; they leave one by one, the last first.
        { ...memberOpts, dependsOn: [container, ...(before ? [before] : [])] },
      )),
  }));
  return new RollingSet(`${name}-nodes`, { component: name, nodes, after: [founding], allowDataLoss: set.allowDataLoss }, opts);
}

function setNode(
  name: string,
  node: SetNode,
  index: number,
  set: NormalMysqlReplicaSetArgs,
  members: readonly SetMember[],
  { access, replication, token }: Secrets,
  founding: Command,
): RollingNode {
  const { network, placement, image, user, memoryMiB, cpus, port, firstServerId, transform } = set;
  const address = members[index]?.address ?? "";
  const settings = renderMyCnf({ ...set, serverId: firstServerId + index, address });
  return {
    name: node.name,
    host: placement.hostFor(index),
    dataPath: MYSQL_DATA_PATH,
    config: {
      mountPath: MYSQL_CONFIG_PATH,
      files: [
        { path: MYSQL_FILES.settings, content: settings },
        { path: MYSQL_FILES.keeper, content: renderKeeperConfig(node.name, members, set) },
        { path: MYSQL_FILES.founding, content: index === 0 ? founding.stdout : "join" },
        { path: MYSQL_FILES.access, content: access, mode: "0400" },
        ...secretFiles(MYSQL_FILES.replication, replication),
        ...secretFiles(MYSQL_FILES.token, token),
      ],
      check: settingsCheck,
    },
    container: {
      network,
      address,
      image,
      user,
      memoryMiB,
      cpus,
      transform,
      command: keeperCommand(),
      startConfiguration: digestOfText([settings]),
      tmpfs: mysqlTmpfs(MYSQL_RUN_PATH, user),
      ports: port === null ? [] : [{ internal: MYSQL_PORT, external: port + index }],
      health: { command: keeperProbe(), timeoutSeconds: 5, startPeriodSeconds: 300 },
      // What is in memory is written.
      stopGraceSeconds: 60,
    },
    whole: nodeWholeCondition(node, name, placement.dockers),
    spare: nodeSpareCondition(node, name, placement.dockers),
    // An empty node copies the data of another.
    gateTimeoutSeconds: 600,
  };
}

/** What the node uses, and beside it what it accepts while that is more. */
function secretFiles(path: string, { used, accepted }: RotatingSecret): ConfigFile[] {
  const file = { path, content: used, mode: "0400" };
  if (accepted.length === 1) return [file];
  return [file, { path: `${path}.accepted`, content: pulumi.all([...accepted]).apply((known) => known.join("\n")), mode: "0400" }];
}

/** The keeper of the source tells its server the users by itself; this waits for it, each time that they are others. */
function createSettlement(
  name: string,
  set: NormalMysqlReplicaSetArgs,
  { access, replication }: Secrets,
  opts: pulumi.CustomResourceOptions,
): void {
  const declared = pulumi.all([access, ...replication.accepted]).apply((texts) => digestOfText(texts));
  new Command(
    `${name}-settled`,
    { create: settledCommand(setNodes(name, set)), triggers: [declared] },
    { ...opts, dependsOn: dependencies(opts) },
  );
}

function publishedEndpoints({ port, replicas, placement }: NormalMysqlReplicaSetArgs): readonly Endpoint[] {
  if (port === null) return [];
  return Array.from({ length: 1 + replicas }, (_, index) => new Endpoint(placement.hostFor(index).address, port + index));
}
