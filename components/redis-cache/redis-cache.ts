import * as pulumi from "@pulumi/pulumi";
import { Command } from "@pulumi/command/local/command";
import { digestOfText } from "../core/digest";
import { Endpoint } from "../core/endpoint";
import { ConfigError } from "../core/errors";
import { engineName, nameOnEngines } from "../core/naming";
import { RollingNode, RollingSet } from "../core/rolling-set";
import { RotatingSecret, givenSecret, rotatingPassword } from "../core/secret";
import { NormalRedisCacheArgs, Passwords, RedisCacheArgs, normalizeRedisCacheArgs } from "./args";
import {
  REDIS_CONFIG_PATH,
  REDIS_DATA_PATH,
  REDIS_PORT,
  RedisNode,
  SENTINELS,
  SENTINEL_PORT,
  renderFilters,
  renderLiveConf,
  renderMonitored,
  renderNodeEnvironment,
  renderReplicaSecret,
  renderSentinelConf,
  renderServerConf,
  scriptCommand,
  sentinelProbe,
  serverProbe,
} from "./redis-conf";
import { sentinelScripts, serverScripts } from "./redis-files";
import {
  sentinelComponent,
  sentinelSpareCondition,
  sentinelWholeCondition,
  serverSpareCondition,
  serverWholeCondition,
} from "./redis-gate";
import { settleCommand } from "./settle-command";
import { OPERATOR, OWN_USERS, renderSentinelUsers, renderServerUsers } from "./users-files";

/**
 * Redis: one primary, with replicas and three Sentinels where they are asked for, users with rights of their own, and Bloom filters.
 *
 * The Sentinels are containers of their own: a server and a vote never die together, and three of them on as many hosts outlive any one host.
 * A change reaches one server at a time; the primary hands over first, once a replica has every write that was confirmed. Users, memory,
 * persistence and filters change while the servers run.
 *
 * @example
 * const cache = new RedisCache("cache", {
 *   network,
 *   replicas: 2,
 *   users: [{ name: "goods", keys: ["goods:*"] }],
 *   filters: [{ name: "goods:known", errorRate: 0.01, capacity: 1_000_000 }],
 * });
 * cache.sentinels; // where clients ask for the primary of `cache.primaryName`
 * cache.password("goods"); // a secret
 */
export class RedisCache extends pulumi.ComponentResource {
  /** Each server on the service network; any of them may be the primary. */
  public readonly endpoints: readonly Endpoint[];

  /** Each Sentinel on the service network; empty where there are no replicas. */
  public readonly sentinels: readonly Endpoint[];

  /** What the Sentinels call the primary. */
  public readonly primaryName: string;

  /** Each server on its host; empty where none is published. */
  public readonly published: readonly Endpoint[];

  private readonly name: string;
  private readonly passwords: Passwords;

  constructor(resourceName: string, args: RedisCacheArgs, opts?: pulumi.ComponentResourceOptions) {
    super("dockyard:index:RedisCache", resourceName, {}, opts);
    const name = nameOnEngines(resourceName, opts);
    const cache = normalizeRedisCacheArgs(name, args);

    this.name = name;
    this.primaryName = name;
    const members = membersOf(name, cache);
    this.endpoints = members.servers.map(({ address }) => new Endpoint(address, REDIS_PORT));
    this.sentinels = members.sentinels.map(({ address }) => new Endpoint(address, SENTINEL_PORT));
    this.published = publishedEndpoints(cache);
    this.passwords = createPasswords(name, cache, { parent: this });
    const gates = this.createNodes(name, cache, members);
    createSettlement(name, cache, members, this.passwords, { parent: this, dependsOn: [...gates] });

    this.registerOutputs({
      endpoints: this.endpoints.map(String),
      sentinels: this.sentinels.map(String),
      published: this.published.map(String),
    });
  }

  /**
   * A user's password, a secret.
   *
   * @throws {ConfigError} when the cache has no user of that name.
   */
  password(user: string): pulumi.Output<string> {
    const own: readonly string[] = OWN_USERS;
    const password = this.passwords[user];
    if (password !== undefined && !own.includes(user)) return password.used;
    const users = Object.keys(this.passwords).filter((name) => !own.includes(name));
    const remedy = `must have it before it is asked for; there are ${users.join(", ") || "none"}`;
    throw new ConfigError([{ path: `${this.name}.users`, value: user, remedy }]);
  }

  /** The Sentinels are there first: a server asks them what it is to be. */
  private createNodes(name: string, cache: NormalRedisCacheArgs, members: Members): readonly pulumi.Resource[] {
    const { passwords } = this;
    const { allowDataLoss } = cache;
    const watch =
      members.sentinels.length === 0
        ? []
        : new RollingSet(
            `${name}-sentinels`,
            {
              component: sentinelComponent(name),
              nodes: members.sentinels.map((node, index) => sentinelNode(name, node, index, cache, members, passwords)),
              allowDataLoss,
            },
            { parent: this },
          ).gates;
    const nodes = members.servers.map((node, index) => serverNode(name, node, index, cache, members, passwords));
    return new RollingSet(`${name}-servers`, { component: name, nodes, after: watch, allowDataLoss }, { parent: this }).gates;
  }
}

interface Members {
  readonly servers: readonly RedisNode[];
  readonly sentinels: readonly RedisNode[];
}

function membersOf(name: string, { network, replicas }: NormalRedisCacheArgs): Members {
  const nodes = (component: string, count: number) =>
    network.addressesOf(component, count).map((address, index) => ({ name: `${component}-${index + 1}`, address }));
  return { servers: nodes(name, 1 + replicas), sentinels: replicas === 0 ? [] : nodes(sentinelComponent(name), SENTINELS) };
}

function createPasswords(name: string, { users }: NormalRedisCacheArgs, opts: pulumi.CustomResourceOptions): Passwords {
  const generated = (user: string) => rotatingPassword(`${name}-${user}-password`, 32, opts);
  const passwords: Record<string, RotatingSecret> = Object.fromEntries(OWN_USERS.map((user) => [user, generated(user)]));
  users.forEach(({ name: user, password }, index) => {
    passwords[user] = password ? givenSecret(`${name}.users[${index}].password`, password) : generated(user);
  });
  return passwords;
}

function serverNode(
  name: string,
  node: RedisNode,
  index: number,
  cache: NormalRedisCacheArgs,
  members: Members,
  passwords: Passwords,
): RollingNode {
  const { network, placement, image, user, memoryMiB, cpus, transform, port, users, filters } = cache;
  const container = engineName(node.name);
  const serverConf = renderServerConf({ ...cache, address: node.address });
  const scripts = serverScripts();
  const started = scripts.filter(({ path }) => ["start", "common"].includes(path)).map(({ content }) => content);
  return {
    name: node.name,
    host: placement.hostFor(index),
    dataPath: REDIS_DATA_PATH,
    config: {
      mountPath: REDIS_CONFIG_PATH,
      files: [
        ...scripts,
        { path: "redis.conf", content: serverConf },
        { path: "live.conf", content: liveConf(cache) },
        { path: "node.env", content: renderNodeEnvironment({ cluster: name, node, ...members, ...cache }) },
        { path: "filters", content: renderFilters(filters) },
        { path: "secret.conf", content: secretOf(passwords, "dockyard-replica").apply(renderReplicaSecret), mode: "0400" },
        { path: "operator.password", content: secretOf(passwords, OPERATOR), mode: "0400" },
        { path: "users.acl", content: acceptedOf(passwords).apply((known) => renderServerUsers(users, known)), mode: "0400" },
      ],
      check: (folder) => ["sh", `${folder}/check`, folder],
    },
    container: {
      network,
      address: node.address,
      image,
      user,
      memoryMiB,
      cpus,
      transform,
      command: scriptCommand("start"),
      startConfiguration: digestOfText([serverConf, ...started, ...members.sentinels.map(({ address }) => address)]),
      ports: port === null ? [] : [{ internal: REDIS_PORT, external: port + index }],
      health: { command: serverProbe(), timeoutSeconds: 5, startPeriodSeconds: 120 },
      // Replicas get what they lack, and what is in memory is written.
      stopGraceSeconds: 30,
    },
    whole: serverWholeCondition(container, name, placement.dockers),
    spare: serverSpareCondition(container, name, placement.dockers),
    gateTimeoutSeconds: 180,
  };
}

function sentinelNode(
  name: string,
  node: RedisNode,
  index: number,
  cache: NormalRedisCacheArgs,
  members: Members,
  passwords: Passwords,
): RollingNode {
  const { network, placement, image, user, cpus, transform, users, downAfterSeconds } = cache;
  const container = engineName(node.name);
  const sentinelConf = renderSentinelConf(node.address);
  const scripts = sentinelScripts();
  return {
    name: node.name,
    host: placement.hostFor(index),
    // What it has learnt: which server is the primary, and its own votes.
    dataPath: REDIS_DATA_PATH,
    config: {
      mountPath: REDIS_CONFIG_PATH,
      files: [
        ...scripts,
        { path: "sentinel.conf", content: sentinelConf },
        { path: "node.env", content: renderNodeEnvironment({ cluster: name, node, ...members, ...cache }) },
        {
          path: "monitored.conf",
          content: secretOf(passwords, "dockyard-sentinel").apply((password) => renderMonitored(name, downAfterSeconds, password)),
          mode: "0400",
        },
        { path: "operator.password", content: secretOf(passwords, OPERATOR), mode: "0400" },
        { path: "users.acl", content: acceptedOf(passwords).apply((known) => renderSentinelUsers(users, known)), mode: "0400" },
      ],
      check: (folder) => ["sh", "-n", `${folder}/start-sentinel`],
    },
    container: {
      network,
      address: node.address,
      image,
      user,
      memoryMiB: 64,
      cpus,
      transform,
      command: scriptCommand("start-sentinel"),
      startConfiguration: digestOfText([
        sentinelConf,
        renderMonitored(name, downAfterSeconds, ""),
        ...scripts.map(({ content }) => content),
      ]),
      health: { command: sentinelProbe(), timeoutSeconds: 5 },
      stopGraceSeconds: 10,
    },
    whole: sentinelWholeCondition(container),
    spare: sentinelSpareCondition(container, name, placement.dockers),
  };
}

/** Brings those that run to what they are declared as; they read the same files when they start. */
function createSettlement(
  name: string,
  cache: NormalRedisCacheArgs,
  { servers, sentinels }: Members,
  passwords: Passwords,
  opts: pulumi.CustomResourceOptions,
): Command {
  const { placement, users, filters, bloom } = cache;
  const running = (nodes: readonly RedisNode[]) =>
    nodes.map((node, index) => ({ docker: placement.hostFor(index).docker, container: engineName(node.name) }));
  const declared = digestOfText([liveConf(cache), renderFilters(filters), bloom, ...serverScripts().map(({ content }) => content)]);
  // A digest of the passwords' digests: it says that one has changed, and nothing of it.
  const own = OWN_USERS.map((user) => secretOf(passwords, user));
  const access = pulumi
    .all([acceptedOf(passwords), pulumi.all(own)])
    .apply(([known, used]) => digestOfText([renderServerUsers(users, known), digestOfText(used)]));
  return new Command(
    `${name}-settled`,
    { create: settleCommand(running(servers), running(sentinels)), triggers: [declared, access] },
    opts,
  );
}

function liveConf(cache: NormalRedisCacheArgs): string {
  return renderLiveConf({ ...cache, maxmemory: Math.floor(cache.memoryMiB * cache.maxmemoryShare) * 2 ** 20 });
}

function secretOf(passwords: Passwords, user: string): pulumi.Output<string> {
  return passwords[user]?.used ?? pulumi.output("");
}

function acceptedOf(passwords: Passwords): pulumi.Output<Record<string, readonly string[]>> {
  return pulumi.all(Object.fromEntries(Object.entries(passwords).map(([user, { accepted }]) => [user, pulumi.all([...accepted])])));
}

function publishedEndpoints({ port, replicas, placement }: NormalRedisCacheArgs): readonly Endpoint[] {
  if (port === null) return [];
  return Array.from({ length: 1 + replicas }, (_, index) => new Endpoint(placement.hostFor(index).address, port + index));
}
