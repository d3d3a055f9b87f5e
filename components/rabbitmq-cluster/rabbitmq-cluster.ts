import * as pulumi from "@pulumi/pulumi";
import { Command } from "@pulumi/command/local/command";
import { digestOfText } from "../core/digest";
import { Endpoint } from "../core/endpoint";
import { ConfigError } from "../core/errors";
import { engineName, nameOnEngines } from "../core/naming";
import { dependencies } from "../core/resource-options";
import { RollingNode, RollingSet } from "../core/rolling-set";
import { RotatingSecret, generatedKey, generatedPassword, givenSecret, goodAfter, rotatingPassword } from "../core/secret";
import { NormalRabbitmqClusterArgs, RabbitmqClusterArgs, normalizeRabbitmqClusterArgs } from "./args";
import { renderCookieCommand, renderCookies } from "./cookie-command";
import { renderApplyDefinitions } from "./definitions-command";
import { managedPaths, renderDefinitions } from "./definitions-files";
import { brokerLeaveCommand } from "./leave-command";
import {
  AMQP_PORT,
  MANAGEMENT_PORT,
  OPERATOR,
  PROMETHEUS_PORT,
  RABBITMQ_CONFIG_PATH,
  RABBITMQ_DATA_PATH,
  RABBITMQ_FILES,
  brokerCheck,
  brokerCommand,
  brokerEnvironment,
  brokerProbe,
  renderEnabledPlugins,
  renderHosts,
  renderOperatorOptions,
  renderRabbitmqConf,
  renderResolver,
  renderStartScript,
} from "./rabbitmq-conf";
import { Broker, brokerSpareCondition, brokerWholeCondition, growQueuesCommand, seedsOf } from "./rabbitmq-gate";

/**
 * A RabbitMQ cluster whose queues are quorum queues: a message that was confirmed is on a majority of the brokers, and outlives the death of
 * the others. Neither holds in the half second after its queue was declared, which RabbitMQ takes to write down that it has the queue.
 *
 * A change reaches one broker at a time, each after the one before runs again and while no quorum queue would lose its majority. Users, vhosts,
 * permissions, policies and passwords change while the brokers run. A broker that is taken out hands its queues over and is forgotten first;
 * one whose container is replaced is not.
 *
 * @example
 * const queue = new RabbitmqCluster("queue", {
 *   network,
 *   users: [{ name: "orders" }],
 *   permissions: [{ user: "orders", configure: "^orders", write: "^orders", read: "^orders" }],
 * });
 * queue.endpoints; // where clients connect
 * queue.password("orders"); // a secret
 */
export class RabbitmqCluster extends pulumi.ComponentResource {
  /** AMQP of each broker on the service network. */
  public readonly endpoints: readonly Endpoint[];

  /** AMQP of each broker on its host; empty where none is published. */
  public readonly amqp: readonly Endpoint[];

  /** Management page and API of each broker on its host; empty where none is published. */
  public readonly management: readonly Endpoint[];

  /** Management API of each broker on the service network. */
  public readonly api: readonly Endpoint[];

  /** Prometheus' metrics of each broker on the service network. */
  public readonly metrics: readonly Endpoint[];

  private readonly name: string;
  private readonly passwords: Readonly<Record<string, pulumi.Output<string>>>;

  constructor(resourceName: string, args: RabbitmqClusterArgs, opts?: pulumi.ComponentResourceOptions) {
    super("dockyard:index:RabbitmqCluster", resourceName, {}, opts);
    const name = nameOnEngines(resourceName, opts);
    const cluster = normalizeRabbitmqClusterArgs(name, args);

    this.name = name;
    const addresses = cluster.network.addressesOf(name, cluster.brokers);
    this.endpoints = addresses.map((address) => new Endpoint(address, AMQP_PORT));
    this.api = addresses.map((address) => new Endpoint(address, MANAGEMENT_PORT));
    this.metrics = addresses.map((address) => new Endpoint(address, PROMETHEUS_PORT));
    this.amqp = published(cluster.amqpPort, cluster);
    this.management = published(cluster.managementPort, cluster);
    const secrets = createSecrets(name, cluster, { parent: this });
    const brokers = this.createNodes(name, cluster, secrets);
    const definitions = createDefinitions(name, cluster, secrets, { parent: this, dependsOn: [...brokers.gates] });
    createCookieChange(name, cluster, secrets, { parent: this, dependsOn: [...brokers.gates] });
    this.passwords = Object.fromEntries(
      Object.entries(secrets.passwords).map(([user, password]) => [user, goodAfter(definitions, password)]),
    );

    this.registerOutputs({
      endpoints: this.endpoints.map(String),
      amqp: this.amqp.map(String),
      management: this.management.map(String),
    });
  }

  /**
   * A user's password, a secret.
   *
   * @throws {ConfigError} when the cluster has no user of that name.
   */
  password(user: string): pulumi.Output<string> {
    const password = this.passwords[user];
    if (password !== undefined && user !== OPERATOR) return password;
    const users = Object.keys(this.passwords).filter((name) => name !== OPERATOR);
    const remedy = `must have it before it is asked for; there are ${users.join(", ") || "none"}`;
    throw new ConfigError([{ path: `${this.name}.users`, value: user, remedy }]);
  }

  private createNodes(name: string, cluster: NormalRabbitmqClusterArgs, secrets: Secrets): RollingSet {
    const brokers = brokersOf(name, cluster);
    let before: Command | undefined;
    const nodes = brokers.map((broker, index): RollingNode => ({
      ...brokerNode(name, broker, index, brokers, this.endpoints, cluster, secrets),
      membership: (container, opts) =>
        (before = createMembership(broker, brokers, cluster, { ...opts, dependsOn: [container, ...(before ? [before] : [])] })),
    }));
    return new RollingSet(`${name}-brokers`, { component: name, nodes, allowDataLoss: cluster.allowDataLoss }, { parent: this });
  }
}

interface Secrets {
  readonly cookie: RotatingSecret;

  /** By user, the component's own among them. */
  readonly passwords: Readonly<Record<string, pulumi.Output<string>>>;
  readonly definitions: pulumi.Output<string>;
}

function createSecrets(name: string, { access, cookie }: NormalRabbitmqClusterArgs, opts: pulumi.CustomResourceOptions): Secrets {
  const passwords: Record<string, pulumi.Output<string>> = { [OPERATOR]: generatedPassword(`${name}-operator-password`, 32, opts) };
  access.users.forEach((user, index) => {
    const secret = user.password
      ? givenSecret(`${name}.users[${index}].password`, user.password)
      : rotatingPassword(`${name}-${user.name}-password`, 32, opts);
    passwords[user.name] = secret.used;
  });
  const salt = generatedKey(`${name}-password-salt`, 32, opts);
  return {
    cookie: cookie ? givenSecret(`${name}.cookie`, cookie) : rotatingPassword(`${name}-cookie`, 48, opts),
    passwords,
    definitions: pulumi.all([salt, pulumi.all(passwords)]).apply(([s, known]) => renderDefinitions(access, { salt: s, passwords: known })),
  };
}

function brokersOf(name: string, { brokers, placement }: NormalRabbitmqClusterArgs): Broker[] {
  return Array.from({ length: brokers }, (_, index) => ({
    name: `${name}-${index + 1}`,
    docker: placement.hostFor(index).docker,
    container: engineName(`${name}-${index + 1}`),
  }));
}

function brokerNode(
  name: string,
  broker: Broker,
  index: number,
  brokers: readonly Broker[],
  endpoints: readonly Endpoint[],
  cluster: NormalRabbitmqClusterArgs,
  { cookie, passwords, definitions }: Secrets,
): RollingNode {
  const { network, placement, image, user, memoryMiB, cpus, transform } = cluster;
  const hosts = brokers.map((each, at) => ({ name: each.name, address: endpoints[at]?.host ?? "" }));
  const startFiles = [
    { path: RABBITMQ_FILES.settings, content: renderRabbitmqConf({ cluster: name, ...cluster }) },
    { path: RABBITMQ_FILES.plugins, content: renderEnabledPlugins() },
    { path: RABBITMQ_FILES.resolver, content: renderResolver() },
    { path: RABBITMQ_FILES.start, content: renderStartScript() },
  ];
  return {
    name: broker.name,
    host: placement.hostFor(index),
    dataPath: RABBITMQ_DATA_PATH,
    config: {
      mountPath: RABBITMQ_CONFIG_PATH,
      files: [
        ...startFiles,
        { path: RABBITMQ_FILES.hosts, content: renderHosts(hosts) },
        { path: RABBITMQ_FILES.cookie, content: cookie.used, mode: "0400" },
        { path: RABBITMQ_FILES.definitions, content: definitions, mode: "0400" },
        { path: RABBITMQ_FILES.operator, content: (passwords[OPERATOR] ?? pulumi.output("")).apply(renderOperatorOptions), mode: "0400" },
      ],
      check: brokerCheck,
    },
    container: {
      network,
      address: endpoints[index]?.host ?? "",
      image,
      user,
      memoryMiB,
      cpus,
      transform,
      command: brokerCommand(),
      environment: brokerEnvironment(broker.name),
      startConfiguration: digestOfText(startFiles.map(({ content }) => content)),
      ports: publishedPorts(index, cluster),
      health: { command: brokerProbe(), timeoutSeconds: 10, startPeriodSeconds: 120 },
      // Its queues' leaders move, and what it holds in memory is written.
      stopGraceSeconds: 60,
    },
    whole: brokerWholeCondition(broker, name, placement.dockers),
    spare: brokerSpareCondition(broker, seedsOf(brokers)),
    gateTimeoutSeconds: 180,
    follow: (_, gate, opts) => [
      new Command(`${broker.name}-queues`, { create: growQueuesCommand(broker) }, { ...opts, dependsOn: [gate] }),
    ],
  };
}

/**
 * Makes leaving part of the broker's removal and of nothing else.
 *
 * It depends on the container by order only, so a replaced container does not replace it; and on the broker before, so that they leave
 * one by one, the last first.
 */
function createMembership(
  broker: Broker,
  brokers: readonly Broker[],
  { image, user }: NormalRabbitmqClusterArgs,
  opts: pulumi.CustomResourceOptions,
): Command {
  const survivors = seedsOf(brokers).filter(({ name }) => name !== broker.name);
  return new Command(
    `${broker.name}-membership`,
    { delete: brokerLeaveCommand({ broker, survivors, volume: engineName(`${broker.name}-data`), image, user }) },
    opts,
  );
}

/** The brokers read the definitions when they start; this brings those that run to the same, and takes away what is no longer declared. */
function createDefinitions(
  name: string,
  cluster: NormalRabbitmqClusterArgs,
  { definitions }: Secrets,
  opts: pulumi.CustomResourceOptions,
): Command {
  const create = renderApplyDefinitions(seedsOf(brokersOf(name, cluster)), managedPaths(cluster.access));
  return new Command(`${name}-definitions`, { create, stdin: definitions }, { ...opts, dependsOn: dependencies(opts) });
}

/**
 * Has the brokers that run take another cookie, which they read when they start. Connections between them stay; nothing is made for a cookie
 * that was never rotated.
 */
function createCookieChange(
  name: string,
  cluster: NormalRabbitmqClusterArgs,
  { cookie: { used, accepted, generation } }: Secrets,
  opts: pulumi.CustomResourceOptions,
): void {
  if (generation === 0) return;
  const cookies = pulumi.all([used, ...accepted]).apply(renderCookies);
  new Command(`${name}-cookies`, { create: renderCookieCommand(brokersOf(name, cluster)), stdin: pulumi.secret(cookies) }, opts);
}

function publishedPorts(index: number, { amqpPort, managementPort, prometheusPort }: NormalRabbitmqClusterArgs) {
  const ports = [
    [AMQP_PORT, amqpPort],
    [MANAGEMENT_PORT, managementPort],
    [PROMETHEUS_PORT, prometheusPort],
  ] as const;
  return ports.flatMap(([internal, first]) => (first === null ? [] : [{ internal, external: first + index }]));
}

function published(port: number | null, { brokers, placement }: NormalRabbitmqClusterArgs): readonly Endpoint[] {
  if (port === null) return [];
  return Array.from({ length: brokers }, (_, index) => new Endpoint(placement.hostFor(index).address, port + index));
}
