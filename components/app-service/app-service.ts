import * as pulumi from "@pulumi/pulumi";
import { Registration, createConsulRegistration, serviceName, servingCondition } from "../core/consul-registration";
import { Endpoint } from "../core/endpoint";
import { healthCondition, renderSpareCommand, siblingCondition } from "../core/gate";
import { LiveConfigArgs } from "../core/live-config";
import { engineName, nameOnEngines } from "../core/naming";
import { RollingNode, RollingSet } from "../core/rolling-set";
import { renderUpstreamValue } from "../core/upstream-entry";
import { AppServiceArgs, NormalAppServiceArgs, SECRETS_PATH, normalizeAppServiceArgs } from "./args";
import { AppInstance, instanceEnvironment } from "./instance-environment";

/**
 * Instances of one image, each with its own address and ports, found through Consul and drained before they stop.
 *
 * A change reaches one instance at a time: its keys go, the gateways send it nothing more, the requests in flight end, the container is
 * replaced, and the next follows when the gateways send requests to the new one.
 *
 * @example
 * const goods = new AppService("goods", {
 *   network, consul: discovery.client, followers: gateway.followers,
 *   image: "registry.example/goods:1.4", command: ["/goods"], user: "1000:1000",
 *   instances: 3, ports: { http: 8000, rpc: 9000 },
 *   health: { command: ["/goods", "health"] },
 * });
 */
export class AppService extends pulumi.ComponentResource {
  /** Where each instance listens on the service network, by the name of the port. */
  public readonly endpoints: Readonly<Record<string, readonly Endpoint[]>>;

  constructor(resourceName: string, args: AppServiceArgs, opts?: pulumi.ComponentResourceOptions) {
    super("dockyard:index:AppService", resourceName, {}, opts);
    const name = nameOnEngines(resourceName, opts);
    const service = normalizeAppServiceArgs(name, args);

    const instances = service.network
      .addressesOf(name, service.instances)
      .map((address, index): AppInstance => ({ name: `${name}-${index + 1}`, address }));
    this.endpoints = portEndpoints(instances, service);
    this.createNodes(name, instances, service);

    this.registerOutputs({ endpoints: Object.fromEntries(Object.entries(this.endpoints).map(([port, of]) => [port, of.map(String)])) });
  }

  private createNodes(name: string, instances: readonly AppInstance[], service: NormalAppServiceArgs): void {
    const nodes = instances.map((instance, index) => instanceNode(name, instance, index, service));
    const filled = instances.flatMap((instance) => service.mounts(instance.name).map(({ ready }) => ready));
    const after = [...service.consul.ready, ...filled];
    new RollingSet(`${name}-instances`, { component: name, nodes, after, allowDataLoss: service.allowDataLoss }, { parent: this });
  }
}

function portEndpoints(instances: readonly AppInstance[], { ports }: NormalAppServiceArgs): Record<string, Endpoint[]> {
  return Object.fromEntries(
    Object.entries(ports).map(([name, port]) => [name, instances.map(({ address }) => new Endpoint(address, port))]),
  );
}

function instanceNode(name: string, instance: AppInstance, index: number, service: NormalAppServiceArgs): RollingNode {
  const { placement, network, image, command, user, health, environment, memoryMiB, cpus, drainTimeoutSeconds, transform, registration } =
    service;
  const registrations = instanceRegistrations(name, instance, service);
  const host = placement.hostFor(index);
  const spare = siblingCondition(name, instance.name, placement, health.command);
  const healthy = healthCondition(engineName(instance.name), health.command);
  return {
    name: instance.name,
    host,
    dataPath: service.dataPath,
    config: secretFiles(service),
    container: {
      network,
      address: instance.address,
      image,
      command,
      user,
      memoryMiB,
      cpus,
      health,
      transform,
      mounts: service.mounts(instance.name).map(({ mount }) => mount),
      environment: { ...instanceEnvironment(name, instance, service), ...environment },
      stopGraceSeconds: drainTimeoutSeconds,
    },
    // A registration goes before the gate does, so it is what must ask first.
    ...(registration === "self" && { spare }),
    whole: registration === "stack" ? healthy : `${healthy} && ${servingCondition(service.followers, registrations)}`,
    ...(registration === "stack" && {
      follow: (container, gate, opts) => [
        createConsulRegistration(
          `${instance.name}-registration`,
          {
            ...service,
            prefix: service.kvPrefix,
            instance: instance.name,
            index,
            registrations,
            timeoutSeconds: drainTimeoutSeconds,
            beforeDelete: renderSpareCommand(engineName(instance.name), { host, spare }),
            triggers: [container.id],
          },
          { ...opts, dependsOn: [gate] },
        ),
      ],
    }),
  };
}

/** Whoever reads a secret cannot be told that it has changed, nor can a secret be checked: it is only written. */
function secretFiles({ secrets }: NormalAppServiceArgs): LiveConfigArgs | undefined {
  const files = Object.entries(secrets).map(([path, content]) => ({ path, content: pulumi.secret(content), mode: "0400" }));
  return files.length === 0 ? undefined : { mountPath: SECRETS_PATH, files, check: (folder) => ["test", "-d", folder] };
}

function instanceRegistrations(name: string, { address }: AppInstance, { ports, upstream, check }: NormalAppServiceArgs): Registration[] {
  return Object.entries(ports).map(([port, number]) => ({
    service: serviceName(name, port),
    endpoint: new Endpoint(address, number),
    value: renderUpstreamValue(upstream),
    // Only the HTTP port can be asked over HTTP.
    check: check.type === "http" && port !== "http" ? { ...check, type: "tcp" } : check,
  }));
}
