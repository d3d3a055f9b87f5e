import * as pulumi from "@pulumi/pulumi";
import type { GatewayFollower } from "../core/consul-registration";
import { Endpoint } from "../core/endpoint";
import { healthCondition } from "../core/gate";
import type { ConfigFile } from "../core/live-config";
import { engineName } from "../core/naming";
import { RollingSet } from "../core/rolling-set";
import { secretOnly } from "../core/secret";
import { NginxUpsyncGatewayArgs, NormalNginxUpsyncGatewayArgs, normalizeNginxUpsyncGatewayArgs } from "./args";
import { gatewayFolder, hasLua } from "./gateway-files";
import { GATEWAY_CONFIG, gatewayCheck, gatewayCommand, gatewayProbe, gatewayReload } from "./nginx-command";
import { GATEWAY_DATA } from "./nginx-conf";
import { REDIS_PASSWORD_FILE } from "./redis-args";

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
 */
export class NginxUpsyncGateway extends pulumi.ComponentResource {
  /** Where clients reach the services, on the host. */
  public readonly endpoint: Endpoint;

  /** Where others on the service network reach the services. */
  public readonly internal: Endpoint;

  /** Where the host reaches the admin pages, `/__gateway/upstreams` first. */
  public readonly admin: Endpoint;

  /** Who must have seen an instance's coming and going; for `AppService` and `ConsulUpstream`. Empty for the engine `upsync`, which cannot say. */
  public readonly followers: readonly GatewayFollower[];

  constructor(name: string, args: NginxUpsyncGatewayArgs, opts?: pulumi.ComponentResourceOptions) {
    super("dockyard:index:NginxUpsyncGateway", name, {}, opts);
    const gateway = normalizeNginxUpsyncGatewayArgs(name, args);

    const host = gateway.placement.hostFor(0);
    const [address = ""] = gateway.network.addressesOf(name, 1);
    this.internal = new Endpoint(address, gateway.port);
    this.endpoint = new Endpoint(host.address, gateway.publishedPort);
    this.admin = new Endpoint(host.address, gateway.publishedAdminPort);
    const nodes = this.createNodes(name, address, gateway);
    this.followers = gatewayFollowers(name, gateway, nodes);

    this.registerOutputs({ endpoint: String(this.endpoint), internal: String(this.internal), admin: String(this.admin) });
  }

  private createNodes(name: string, address: string, gateway: NormalNginxUpsyncGatewayArgs): RollingSet {
    const {
      network,
      placement,
      image,
      user,
      memoryMiB,
      cpus,
      logMiB,
      port,
      adminPort,
      publishedPort,
      publishedAdminPort,
      shutdownTimeoutSeconds,
      transform,
    } = gateway;
    const node = `${name}-1`;
    const { files, configuration } = gatewayFolder({ ...gateway, adminClients: [network.hostAddress(placement.hostFor(0))] });
    return new RollingSet(
      `${name}-nodes`,
      {
        component: name,
        allowDataLoss: gateway.allowDataLoss,
        nodes: [
          {
            name: node,
            host: placement.hostFor(0),
            dataPath: GATEWAY_DATA,
            config: {
              mountPath: GATEWAY_CONFIG,
              files: [...Object.entries(files).map(([path, content]) => ({ path, content })), ...secretFiles(name, gateway)],
              check: (folder) => gatewayCheck(folder, hasLua(gateway)),
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
                { internal: port, external: publishedPort },
                { internal: adminPort, external: publishedAdminPort },
              ],
              health: { command: gatewayProbe(adminPort) },
              // Workers finish the requests that they have.
              stopSignal: "SIGQUIT",
              stopGraceSeconds: shutdownTimeoutSeconds,
            },
            whole: healthCondition(engineName(node), gatewayProbe(adminPort, configuration)),
          },
        ],
      },
      { parent: this },
    );
  }
}

/** Files that others may not read. */
function secretFiles(name: string, { redis }: NormalNginxUpsyncGatewayArgs): readonly ConfigFile[] {
  return redis ? [{ path: REDIS_PASSWORD_FILE, content: secretOnly(`${name}.redis.password`, redis.password), mode: "0400" }] : [];
}

function gatewayFollowers(
  name: string,
  { engine, placement, adminPort, services }: NormalNginxUpsyncGatewayArgs,
  { gates }: RollingSet,
): readonly GatewayFollower[] {
  if (engine === "upsync") return [];
  return [
    { docker: placement.hostFor(0).docker, container: engineName(`${name}-1`), adminPort, services: Object.keys(services), ready: gates },
  ];
}
