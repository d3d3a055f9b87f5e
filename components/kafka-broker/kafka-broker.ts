import * as pulumi from "@pulumi/pulumi";
import { Command } from "@pulumi/command/local/command";
import { createHash } from "node:crypto";
import { digestOfText } from "../core/digest";
import { Endpoint } from "../core/endpoint";
import { ConfigError } from "../core/errors";
import { createFounding } from "../core/founding";
import type { Host } from "../core/host";
import { engineName, nameOnEngines } from "../core/naming";
import { RollingNode, RollingSet } from "../core/rolling-set";
import { generatedPassword, goodAfter, secretOnly } from "../core/secret";
import { KafkaBrokerArgs, NormalKafkaBrokerArgs, normalizeKafkaBrokerArgs } from "./args";
import { renderApplyDeclared, renderDeclared } from "./declared-command";
import {
  CLIENT_PORT,
  HOST_PORT,
  KAFKA_CONFIG_PATH,
  KAFKA_DATA_PATH,
  KAFKA_FILES,
  KafkaMember,
  kafkaCheck,
  kafkaCommand,
  kafkaEnvironment,
  kafkaProbe,
  kafkaTmpfs,
  renderAdmin,
  renderLogging,
  renderPeers,
  renderServerProperties,
  renderStartScript,
} from "./kafka-conf";
import { KafkaNodeRef, kafkaLeaveCommand, kafkaSpareCondition, kafkaWholeCondition } from "./kafka-gate";
import { LiveCluster, usualMinInSync, usualReplication } from "./topic-args";

/**
 * A Kafka cluster without ZooKeeper: of three brokers or more, one may be away and every message that was acknowledged to a producer which waits
 * for all is kept.
 *
 * A change reaches one node at a time, each after no partition lacks a replica and while none would lose its least number of replicas in sync.
 * Topics, users, passwords and rights change while the brokers run. Growing from one broker to three gives topics and votes to the new ones.
 *
 * @example
 * const events = new KafkaBroker("events", {
 *   network,
 *   topics: [{ name: "orders", partitions: 6, settings: { "retention.ms": 86_400_000 } }],
 *   users: [{ name: "shop" }],
 *   acls: [{ user: "shop", topic: "orders", operations: ["read", "write"] }, { user: "shop", group: "shop-", prefixed: true, operations: ["read"] }],
 * });
 * events.endpoints; // where clients connect, by SASL_PLAINTEXT with SCRAM-SHA-512
 * events.password("shop"); // a secret
 */
export class KafkaBroker extends pulumi.ComponentResource {
  /** Each broker on the service network. */
  public readonly endpoints: readonly Endpoint[];

  /** Each broker on its host; empty where none is published. */
  public readonly published: readonly Endpoint[];

  private readonly name: string;
  private readonly passwords: Readonly<Record<string, pulumi.Output<string>>>;

  constructor(resourceName: string, args: KafkaBrokerArgs, opts?: pulumi.ComponentResourceOptions) {
    super("dockyard:index:KafkaBroker", resourceName, {}, opts);
    const name = nameOnEngines(resourceName, opts);
    const cluster = normalizeKafkaBrokerArgs(name, args, (brokers) => liveCluster(name, args, brokers));

    this.name = name;
    const members = nodesOf(name, cluster);
    this.endpoints = members.filter(({ broker }) => broker).map(({ address }) => new Endpoint(address, CLIENT_PORT));
    this.published = publishedOf(cluster);
    const passwords = createPasswords(name, cluster, { parent: this });
    const nodes = createNodes(name, cluster, members, { parent: this });
    const declared = createDeclared(name, cluster, members, passwords, nodes, { parent: this });
    this.passwords = Object.fromEntries(Object.entries(passwords).map(([user, password]) => [user, goodAfter(declared, password)]));

    this.registerOutputs({ endpoints: this.endpoints.map(String), published: this.published.map(String) });
  }

  /**
   * A user's password, a secret. Who is given it waits until the cluster knows the user, and the user's rights.
   *
   * @throws {ConfigError} when the cluster has no user of that name.
   */
  password(user: string): pulumi.Output<string> {
    const password = this.passwords[user];
    if (password !== undefined) return password;
    const remedy = `must have it before it is asked for; there are ${Object.keys(this.passwords).join(", ") || "none"}`;
    throw new ConfigError([{ path: `${this.name}.users`, value: user, remedy }]);
  }
}

/** What the cluster has now, where a broker runs that can be asked. */
function liveCluster(name: string, { network, placement = network.placement }: KafkaBrokerArgs, brokers: number): LiveCluster {
  for (let index = 0; index < Math.min(brokers, 3); index++) {
    const said = placement.hostFor(index).saidBy(engineName(`${name}-${index + 1}`), ["kafka-admin", "live"]);
    if (said !== undefined) return JSON.parse(said) as LiveCluster;
  }
  return { partitions: {}, voters: [] };
}

/** Number of the first controller that is a node of its own. */
const FIRST_CONTROLLER = 101;

/** A node: as the others reach it, and where its container is. */
interface ClusterNode extends KafkaMember, KafkaNodeRef {
  readonly host: Host;
}

/** All nodes, those first that come first: controllers, then brokers. */
function nodesOf(name: string, { network, placement, brokers, controllers }: NormalKafkaBrokerArgs): readonly ClusterNode[] {
  // The first three brokers hold the votes where nobody else does; those that come as the cluster grows need none.
  const voting = controllers > 0 ? 0 : usualReplication(brokers);
  const own = controllers > 0 ? network.addressesOf(`${name}-controller`, controllers) : [];
  const place = (index: number, node: KafkaMember): ClusterNode => {
    const host = placement.hostFor(index);
    return { ...node, host, docker: host.docker, container: engineName(node.name) };
  };
  return [
    ...own.map((address, index) =>
      place(index, {
        name: `${name}-controller-${index + 1}`,
        id: FIRST_CONTROLLER + index,
        address,
        broker: false,
        controller: true,
      }),
    ),
    ...network
      .addressesOf(name, brokers)
      .map((address, index) =>
        place(index, { name: `${name}-${index + 1}`, id: index + 1, address, broker: true, controller: index < voting }),
      ),
  ];
}

function createPasswords(
  name: string,
  { users }: NormalKafkaBrokerArgs,
  opts: pulumi.CustomResourceOptions,
): Readonly<Record<string, pulumi.Output<string>>> {
  return Object.fromEntries(
    users.map(({ name: user, password }, index) => [
      user,
      password ? secretOnly(`${name}.users[${index}].password`, password) : generatedPassword(`${name}-${user}-password`, 32, opts),
    ]),
  );
}

/**
 * Id of the cluster, 16 bytes in base64. It is made from the names on the engine, as those of the volumes are, so that a stack whose state was
 * lost or destroyed finds its data again.
 */
function clusterId(name: string): string {
  return createHash("sha256").update(engineName(name)).digest().subarray(0, 16).toString("base64url");
}

function createNodes(
  name: string,
  cluster: NormalKafkaBrokerArgs,
  members: readonly ClusterNode[],
  opts: pulumi.CustomResourceOptions,
): RollingSet {
  const founding = createFounding(name, cluster.placement, opts, { founder: members[0]?.name });
  const password = generatedPassword(`${name}-node-password`, 48, opts);
  let before: Command | undefined;
  const nodes = members.map((member, index): RollingNode => ({
    ...clusterNode(name, member, members, cluster, { founded: index === 0 ? founding.stdout : "join", password }),
    membership: (container, memberOpts) =>
      (before = createMembership(name, member, members, cluster, {
        ...memberOpts,
        dependsOn: [container, ...(before ? [before] : [])],
      })),
  }));
  return new RollingSet(`${name}-nodes`, { component: name, nodes, after: [founding], allowDataLoss: cluster.allowDataLoss }, opts);
}

function clusterNode(
  name: string,
  member: ClusterNode,
  members: readonly ClusterNode[],
  cluster: NormalKafkaBrokerArgs,
  { founded, password }: { founded: pulumi.Input<string>; password: pulumi.Output<string> },
): RollingNode {
  const { network, placement, brokers, image, user, memoryMiB, heapMiB, cpus, transform } = cluster;
  const id = clusterId(name);
  const published = member.broker ? publishedOf(cluster)[member.id - 1] : undefined;
  const replication = usualReplication(brokers);
  const controllers = members.filter(({ controller }) => controller);
  const startFiles = [
    { path: KAFKA_FILES.settings, content: renderServerProperties({ member, published: published ?? null }) },
    { path: KAFKA_FILES.logging, content: renderLogging() },
    { path: KAFKA_FILES.start, content: renderStartScript(member, id) },
  ];
  return {
    name: member.name,
    host: member.host,
    dataPath: KAFKA_DATA_PATH,
    config: {
      mountPath: KAFKA_CONFIG_PATH,
      files: [
        ...startFiles,
        { path: KAFKA_FILES.peers, content: renderPeers(controllers, replication, usualMinInSync(replication)) },
        { path: KAFKA_FILES.admin, content: renderAdmin(member.name, id, members) },
        { path: KAFKA_FILES.founding, content: founded },
        { path: KAFKA_FILES.password, content: password, mode: "0400" },
      ],
      check: kafkaCheck,
    },
    container: {
      network,
      address: member.address,
      image,
      user,
      memoryMiB,
      cpus,
      transform,
      command: kafkaCommand(),
      environment: kafkaEnvironment(heapMiB),
      startConfiguration: digestOfText(startFiles.map(({ content }) => content)),
      tmpfs: kafkaTmpfs(user),
      ports: published ? [{ internal: HOST_PORT, external: published.port }] : [],
      health: { command: kafkaProbe(), timeoutSeconds: 6, startPeriodSeconds: 120 },
      // It hands its partitions' leadership over within seconds. Where the controllers are gone, as when all stop, it would wait for them in vain.
      stopGraceSeconds: 20,
    },
    whole: kafkaWholeCondition(member, name, placement.dockers),
    spare: kafkaSpareCondition(member, name, placement.dockers),
    gateTimeoutSeconds: 300,
  };
}

/**
 * Makes leaving part of the node's removal and of nothing else.
 *
 * It depends on the container by order only, so a replaced container does not replace it; and on the node before, so that they leave one by
 * one, the last first.
 */
function createMembership(
  name: string,
  node: ClusterNode,
  members: readonly ClusterNode[],
  { placement, onLeave }: NormalKafkaBrokerArgs,
  opts: pulumi.CustomResourceOptions,
): Command {
  // The first broker stays with the data, also behind controllers that could be asked.
  const survivors = node.id === 1 ? [] : members.slice(0, Math.min(members.indexOf(node), 3));
  const mayBeLast = node.broker && node.controller && members.length > 1;
  const leaving = { node, survivors, component: name, dockers: placement.dockers, move: onLeave === "move", mayBeLast };
  return new Command(`${node.name}-membership`, { delete: kafkaLeaveCommand(leaving) }, opts);
}

/** Topics, users and rights are told to those that run. */
function createDeclared(
  name: string,
  { topics, acls }: NormalKafkaBrokerArgs,
  members: readonly ClusterNode[],
  passwords: Readonly<Record<string, pulumi.Output<string>>>,
  nodes: RollingSet,
  opts: pulumi.CustomResourceOptions,
): Command {
  const brokers = members.filter(({ broker }) => broker);
  const declared = pulumi
    .all(passwords)
    .apply((known) => renderDeclared({ brokers: brokers.map(({ id }) => id), topics, passwords: known, acls }));
  // Told again to nodes that are new: a single one may have lost all that it was told.
  const triggers = nodes.containers.map(({ id }) => id);
  const create = renderApplyDeclared(brokers.slice(0, 3));
  return new Command(`${name}-declared`, { create, stdin: pulumi.secret(declared), triggers }, { ...opts, dependsOn: [...nodes.gates] });
}

function publishedOf({ port, brokers, placement }: NormalKafkaBrokerArgs): readonly Endpoint[] {
  if (port === null) return [];
  return Array.from({ length: brokers }, (_, index) => new Endpoint(placement.hostFor(index).address, port + index));
}
