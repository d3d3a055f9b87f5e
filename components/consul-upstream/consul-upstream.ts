import * as pulumi from "@pulumi/pulumi";
import { createConsulRegistration } from "../core/consul-registration";
import { Endpoint } from "../core/endpoint";
import { nameOnEngines } from "../core/naming";
import { renderUpstreamValue } from "../core/upstream-entry";
import { ConsulUpstreamArgs, NormalConsulUpstreamArgs, normalizeConsulUpstreamArgs } from "./args";

/**
 * Instances that run somewhere else — on other machines, in other stacks — declared as members of an upstream.
 *
 * Each owns its key `upstreams/<service>/<address>:<port>`; taking one out waits until the gateways send it nothing more.
 *
 * @example
 * new ConsulUpstream("legacy", { consul: discovery.client, instances: [{ address: "10.0.0.7", port: 8080, upstream: { backup: true } }] });
 */
export class ConsulUpstream extends pulumi.ComponentResource {
  /** Where the instances listen. */
  public readonly endpoints: readonly Endpoint[];

  constructor(resourceName: string, args: ConsulUpstreamArgs, opts?: pulumi.ComponentResourceOptions) {
    super("dockyard:index:ConsulUpstream", resourceName, {}, opts);
    const name = nameOnEngines(resourceName, opts);
    const upstream = normalizeConsulUpstreamArgs(name, args);

    this.endpoints = upstream.instances.map(({ address, port }) => new Endpoint(address, port));
    this.createRegistrations(name, upstream);

    this.registerOutputs({ endpoints: this.endpoints.map(String) });
  }

  private createRegistrations(
    name: string,
    { consul, service, kvPrefix, instances, check, followers, drainTimeoutSeconds }: NormalConsulUpstreamArgs,
  ): void {
    instances.forEach(({ address, port, upstream }, index) => {
      const endpoint = new Endpoint(address, port);
      // Called by its address, not its place: taking the first out leaves the others alone.
      const instance = `${name}-${endpoint.toString().replaceAll(/[.:]/g, "-")}`;
      createConsulRegistration(
        instance,
        {
          consul,
          prefix: kvPrefix,
          instance,
          index,
          followers,
          timeoutSeconds: drainTimeoutSeconds,
          registrations: [{ service, endpoint, value: renderUpstreamValue(upstream), check }],
        },
        { parent: this },
      );
    });
  }
}
