import * as pulumi from "@pulumi/pulumi";
import type { GatewayFollower } from "../core/consul-registration";
import { Endpoint } from "../core/endpoint";
import { healthCondition, siblingCondition } from "../core/gate";
import type { Host } from "../core/host";
import type { ConfigFile } from "../core/live-config";
import { engineName, nameOnEngines } from "../core/naming";
import { RollingNode, RollingSet } from "../core/rolling-set";
import { secretOnly } from "../core/secret";
import { NginxUpsyncGatewayArgs, NormalNginxUpsyncGatewayArgs, normalizeNginxUpsyncGatewayArgs } from "./args";
import { checkedPair } from "./certificate";
import { gatewayFolder } from "./gateway-files";
import { type GatewayListen, gatewayListen, gatewayListenTls } from "./gateway-listen";
import { GATEWAY_CONFIG, GATEWAY_DATA, gatewayCheck, gatewayCommand, gatewayProbe, gatewayReload } from "./nginx-command";
import { tryOut } from "./nginx-trial";
import { REDIS_PASSWORD_FILE } from "./redis-args";
import { CERTIFICATE_FILE, KEY_FILE } from "./tls-conf";

/**
 * An nginx that takes its upstreams' members from Consul, as they come and go, without a reload.
 *
 * It goes on with what it saw last while Consul is away, also when it is started then. A changed configuration is checked by nginx
 * itself and reloaded; no request in flight is cut. A reload closes the idle connections of clients, as nginx does: one that sends a request
 * in that very moment has to send it again over another, which HTTP's clients do by themselves for what is idempotent.
 *
 * @example
 * const gateway = new NginxUpsyncGateway("gateway", {
 *   network,
 *   consul: { servers: discovery.client.endpoints },
 *   services: { goods: { path: "/goods/" }, order: { path: "/orders/" } },
 * });
 * export const url = gateway.endpoint.url("http");
 *
 * @example Two of them behind one address, of which one may die or be replaced; they are told of clients by the pair, without which limits by address would hold all of them together.
 * const trustedProxies = network.addressesOf("entry", 2);
 * const gateway = new NginxUpsyncGateway("gateway", { network, consul, services, instances: 2, trustedProxies });
 * const entry = new HaproxyKeepalivedPair("entry", {
 *   network,
 *   haproxy: { listens: { http: { port: 8080, ...gateway.listen } } },
 *   keepalived: { instances: { entry: { addresses: ["10.89.0.100"] } } },
 * });
 */
export class NginxUpsyncGateway extends pulumi.ComponentResource {
  /** Where clients reach the services, on the host of the first gateway. */
  public readonly endpoint: Endpoint;

  /** Where clients reach the services over TLS, on the host of the first gateway; undefined without `tls`. */
  public readonly secure: Endpoint | undefined;

  /** Where others on the service network reach the services, through the first gateway. */
  public readonly internal: Endpoint;

  /** Where the host reaches the admin pages of the first gateway, `/__gateway/upstreams` first. */
  public readonly admin: Endpoint;

  /** The same of every gateway. */
  public readonly endpoints: readonly Endpoint[];
  public readonly internals: readonly Endpoint[];
  public readonly admins: readonly Endpoint[];

  /** The same of every gateway with TLS; empty without `tls`. */
  public readonly secures: readonly Endpoint[];

  /** What a listen of a `HaproxyKeepalivedPair` takes, beside its port, to lead to whichever gateways are there. */
  public readonly listen: GatewayListen;

  /** The same for TLS, which goes through to the gateways: to them, and to their limits, all clients are the pair. Undefined without `tls`. */
  public readonly listenTls: GatewayListen | undefined;

  /** Who must have seen an instance's coming and going; for `AppService` and `ConsulUpstream`. Empty for the engine `upsync`, which cannot say. */
  public readonly followers: readonly GatewayFollower[];

  constructor(resourceName: string, args: NginxUpsyncGatewayArgs, opts?: pulumi.ComponentResourceOptions) {
    super("dockyard:index:NginxUpsyncGateway", resourceName, {}, opts);
    const name = nameOnEngines(resourceName, opts);
    const gateway = normalizeNginxUpsyncGatewayArgs(name, args);

    const members = membersOf(name, gateway);
    this.internals = members.map(({ address }) => new Endpoint(address, gateway.port));
    this.endpoints = members.map(({ host, publishedPort }) => new Endpoint(host.address, publishedPort));
    this.admins = members.map(({ host, publishedAdminPort }) => new Endpoint(host.address, publishedAdminPort));
    [this.internal, this.endpoint, this.admin] = [first(this.internals), first(this.endpoints), first(this.admins)];
    this.listen = gatewayListen(name, this.internals);
    const { tls } = gateway;
    this.secures = tls ? members.map(({ host }, index) => new Endpoint(host.address, tls.publishedPort + index)) : [];
    [this.secure] = this.secures;
    this.listenTls =
      tls &&
      gatewayListenTls(
        name,
        members.map(({ address }) => new Endpoint(address, tls.port)),
      );
    const nodes = this.createNodes(name, members, gateway);
    this.followers = gatewayFollowers(members, gateway, nodes);

    this.registerOutputs({
      endpoint: String(this.endpoint),
      ...(this.secure && { secure: String(this.secure) }),
      internal: String(this.internal),
      admin: String(this.admin),
      servers: serversOf(gateway),
    });
  }

  private createNodes(name: string, members: readonly Member[], gateway: NormalNginxUpsyncGatewayArgs): RollingSet {
    const { placement } = gateway;
    const secrets = secretFiles(name, gateway);
    tryOut(name, placement.hostFor(0), gateway, () => gatewayFolder({ ...confOf(gateway, placement.hostFor(0)), tls: undefined }).files);
    const nodes = members.map((member, index) => gatewayNode(name, member, index, gateway, secrets));
    return new RollingSet(`${name}-nodes`, { component: name, allowDataLoss: gateway.allowDataLoss, nodes }, { parent: this });
  }
}

/** One of the gateways. */
interface Member {
  readonly name: string;
  readonly host: Host;
  readonly address: string;
  readonly publishedPort: number;
  readonly publishedAdminPort: number;
}

function membersOf(name: string, gateway: NormalNginxUpsyncGatewayArgs): readonly Member[] {
  return gateway.network.addressesOf(name, gateway.instances).map((address, index) => ({
    name: `${name}-${index + 1}`,
    host: gateway.placement.hostFor(index),
    address,
    publishedPort: gateway.publishedPort + index,
    publishedAdminPort: gateway.publishedAdminPort + index,
  }));
}

function gatewayNode(
  component: string,
  { name, host, address, ...published }: Member,
  index: number,
  gateway: NormalNginxUpsyncGatewayArgs,
  secrets: readonly ConfigFile[],
): RollingNode {
  const { network, image, user, memoryMiB, cpus, logMiB, port, adminPort, tls, shutdownTimeoutSeconds, transform } = gateway;
  const { files, configuration } = gatewayFolder(confOf(gateway, host));
  return {
    name,
    host,
    dataPath: GATEWAY_DATA,
    config: {
      mountPath: GATEWAY_CONFIG,
      files: [...Object.entries(files).map(([path, content]) => ({ path, content })), ...secrets],
      check: (folder) => gatewayCheck(folder, gateway.engine),
      reload: gatewayReload(),
    },
    container: {
      network,
      address,
      image,
      user,
      memoryMiB,
      cpus,
      logMiB,
      transform,
      command: gatewayCommand(),
      ports: [
        { internal: port, external: published.publishedPort },
        ...(tls ? [{ internal: tls.port, external: tls.publishedPort + index }] : []),
        { internal: adminPort, external: published.publishedAdminPort },
      ],
      health: { command: gatewayProbe(adminPort) },
      // Workers finish the requests that they have.
      stopSignal: "SIGQUIT",
      // nginx ends its workers by itself at that time, and is not to be killed in the midst of it.
      stopGraceSeconds: shutdownTimeoutSeconds + 5,
    },
    whole: healthCondition(engineName(name), gatewayProbe(adminPort, configuration)),
    // One alone has nobody to leave the requests to.
    ...(gateway.instances > 1 && { spare: siblingCondition(component, name, gateway.placement, gatewayProbe(adminPort)) }),
  };
}

function confOf(gateway: NormalNginxUpsyncGatewayArgs, host: Host) {
  return { ...gateway, adminClients: [gateway.network.hostAddress(host)] };
}

/** Files that come from secrets, or belong to one. */
function secretFiles(name: string, { redis, tls }: NormalNginxUpsyncGatewayArgs): readonly ConfigFile[] {
  const pair = tls && checkedPair(name, tls);
  return [
    ...(redis ? [{ path: REDIS_PASSWORD_FILE, content: secretOnly(`${name}.redis.password`, redis.password), mode: "0400" }] : []),
    ...(pair
      ? [
          { path: CERTIFICATE_FILE, content: pair.certificate },
          { path: KEY_FILE, content: pair.key, mode: "0400" },
        ]
      : []),
  ];
}

function gatewayFollowers(
  members: readonly Member[],
  { engine, adminPort, services }: NormalNginxUpsyncGatewayArgs,
  { gates }: RollingSet,
): readonly GatewayFollower[] {
  if (engine === "upsync") return [];
  return members.map(({ name, host }) => ({
    docker: host.docker,
    container: engineName(name),
    adminPort,
    services: Object.keys(services),
    ready: gates,
  }));
}

/** Whom the gateways ask, as `host:port`: their own configuration is secret where a password is a part of it. */
function serversOf({ consul, redis }: NormalNginxUpsyncGatewayArgs): string[] {
  return [...consul.servers, ...(redis ? [...redis.endpoints, ...redis.sentinels] : [])].map(({ host, port }) => `${host}:${port}`);
}

/** There is always one. */
function first(endpoints: readonly Endpoint[]): Endpoint {
  const [endpoint = new Endpoint("", 0)] = endpoints;
  return endpoint;
}
