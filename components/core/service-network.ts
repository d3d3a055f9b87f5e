import * as pulumi from "@pulumi/pulumi";
import { PLACEMENT, checkShape, named, shape, text } from "./argument-shape";
import { Network } from "@pulumi/docker/network";
import { Subnet, addressAfter } from "./address";
import { Checks } from "./errors";
import { Host, Placement } from "./host";
import { engineName, ownershipLabels, stackId, nameOnEngines } from "./naming";

export interface ServiceNetworkArgs {
  /** Hosts that share the network; more than one makes it an attachable Swarm overlay, created on the first, which must be a manager. */
  placement: Placement;

  /** IPv4 subnet in CIDR notation, `10.89.0.0/24`; the first host address is the network's gateway. */
  subnet: string;

  /** First address of each component's nodes, by the component's name; node n has the address n − 1 behind it. */
  addresses: Readonly<Record<string, string>>;
}

const ARGUMENTS = shape<ServiceNetworkArgs>({ placement: PLACEMENT, subnet: text, addresses: named(text) });

/**
 * A network on which every node has a static address, so that nobody has to look up another's before it runs.
 *
 * @example
 * const network = new ServiceNetwork("services", {
 *   placement,
 *   subnet: "10.89.0.0/24",
 *   addresses: { discovery: "10.89.0.11", goods: "10.89.0.41" },
 * });
 * network.addressesOf("goods", 2); // ["10.89.0.41", "10.89.0.42"]
 */
export class ServiceNetwork extends pulumi.ComponentResource {
  /** Name of the network on the engine. */
  public readonly networkName: string;
  public readonly subnet: string;
  /** First host address of the subnet, which the engine keeps for itself. */
  public readonly gatewayAddress: string;
  public readonly placement: Placement;
  /** What a container must depend on to find the network. */
  public readonly network: Network;
  private readonly name: string;
  /** Undefined where the subnet is none, which has been told: the components behind are checked all the same. */
  private readonly parsed: Subnet | undefined;
  private readonly firstAddresses: Readonly<Record<string, string>>;
  private readonly claims = new Map<string, string>();

  constructor(resourceName: string, args: ServiceNetworkArgs, opts?: pulumi.ComponentResourceOptions) {
    super("dockyard:index:ServiceNetwork", resourceName, {}, opts);
    const name = nameOnEngines(resourceName, opts);
    this.name = name;
    checkShape(name, args, ARGUMENTS);
    this.parsed = validateSubnet(name, args);
    this.placement = args.placement;
    this.networkName = engineName(name);
    this.subnet = args.subnet;
    this.gatewayAddress = this.parsed?.at(1) ?? "";
    this.firstAddresses = args.addresses;
    this.network = this.createNetwork(name);
    this.registerOutputs({ networkName: this.networkName, subnet: this.subnet });
  }

  /**
   * Addresses of the first `count` nodes of a component, in order.
   *
   * @throws {ConfigError} when the component has no address, or one leaves the subnet or is another node's.
   */
  addressesOf(component: string, count: number): string[] {
    const first = this.firstAddresses[component];
    const checks = new Checks(this.name);
    checks
      .that(
        first !== undefined,
        `addresses.${component}`,
        first,
        `must name the first address of ${component}'s nodes, inside ${this.subnet}`,
      )
      .done();
    // Told above; what the nodes get meanwhile is of no use.
    if (first === undefined) return Array.from({ length: count }, () => "");
    const addresses = Array.from({ length: count }, (_, index) => addressAfter(first, index));
    addresses.forEach((address, index) => {
      const node = `${component}-${index + 1}`;
      const holder = this.claims.get(address) ?? node;
      checks
        .that(
          this.isHostAddress(address),
          `addresses.${node}`,
          address,
          `must be a host address of ${this.subnet} other than ${this.gatewayAddress}, the gateway's`,
        )
        .that(
          holder === node,
          `addresses.${node}`,
          address,
          `must be its own, but ${holder} has it; move the first address of one of them`,
        );
    });
    checks.done();
    addresses.forEach((address, index) => this.claims.set(address, `${component}-${index + 1}`));
    return addresses;
  }

  /**
   * Keeps an address for a component that moves it between its nodes; what is wrong with it is added to `checks`.
   *
   * The engine knows nothing of it: a container without a static address may be given the same one where the subnet is nearly full.
   */
  claimVirtualAddress(checks: Checks, argument: string, component: string, address: string): void {
    const holder = this.claims.get(address);
    const [usable, wide] = [this.isHostAddress(address), isOverlay(this.placement)];
    checks
      .that(
        usable,
        argument,
        address,
        `must be a host address of ${this.subnet}, the subnet of the network, other than ${this.gatewayAddress}, the gateway's`,
      )
      .that(holder === undefined, argument, address, `must be its own, but ${holder} has it; choose one that no node has`)
      .that(
        !wide,
        argument,
        address,
        "must be on a network of one host: an overlay forwards an address to the host that it was given to, so it cannot move; place the nodes on one host",
      );
    if (usable && holder === undefined) this.claims.set(address, `${component}, as an address that moves,`);
  }

  /** Address under which a host appears to its own nodes when it reaches a port that they publish. */
  hostAddress(host: Host): string {
    if (!isOverlay(this.placement)) return this.gatewayAddress;
    return Subnet.parse(swarmBridge(host) ?? "")?.at(1) ?? "";
  }

  private isHostAddress(address: string): boolean {
    if (this.parsed === undefined) return true;
    const reserved = [this.parsed.networkAddress, this.gatewayAddress, this.parsed.broadcastAddress];
    return this.parsed.contains(address) && !reserved.includes(address);
  }

  private createNetwork(name: string): Network {
    const { hosts } = this.placement;
    return new Network(
      name,
      {
        name: this.networkName,
        driver: isOverlay(this.placement) ? "overlay" : "bridge",
        attachable: isOverlay(this.placement),
        ipamConfigs: [{ subnet: this.subnet, gateway: this.gatewayAddress }],
        labels: ownershipLabels(name),
      },
      { parent: this, provider: hosts[0].provider },
    );
  }
}

function isOverlay({ hosts }: Placement): boolean {
  return hosts.length > 1;
}

/** Subnet of the bridge over which the nodes of an overlay reach their host, and it them; a host has it once it is in a swarm. */
function swarmBridge({ inventory }: Host): string | undefined {
  return inventory.networks.find(({ name }) => name === "docker_gwbridge")?.subnets[0];
}

function validateSubnet(name: string, { subnet, addresses, placement }: ServiceNetworkArgs): Subnet | undefined {
  const parsed = Subnet.parse(subnet);
  const checks = new Checks(name);
  checks.that(
    parsed !== undefined,
    "subnet",
    subnet,
    "must be an IPv4 network with a prefix of 8 to 30 and no bits behind it, like 10.89.0.0/24",
  );
  for (const [component, address] of Object.entries(addresses)) {
    checks.that(parsed === undefined || parsed.contains(address), `addresses.${component}`, address, `must lie inside ${subnet}`);
  }
  for (const host of isOverlay(placement) ? placement.hosts : []) {
    checks.that(
      swarmBridge(host) !== undefined,
      "placement",
      host.name,
      'must be hosts of one Docker swarm, which their network goes over; run "docker swarm init" on the first and "docker swarm join" on the others',
    );
  }
  const own = stackId();
  const existing = placement.hosts[0].inventory.networks.find((network) => network.name === engineName(name));
  checks.that(
    existing === undefined || existing.subnets.includes(subnet),
    "subnet",
    subnet,
    `cannot change from ${existing?.subnets.join(", ")} while nodes are on the network; run "npm run down" first, which keeps all data`,
  );
  for (const network of placement.hosts[0].inventory.networks.filter(({ stack }) => stack !== own)) {
    for (const taken of network.subnets) {
      const other = Subnet.parse(taken);
      const overlaps = parsed !== undefined && other !== undefined && parsed.overlaps(other);
      checks.that(
        !overlaps,
        "subnet",
        subnet,
        `must not overlap the Docker network "${network.name}" (${taken}); choose another or remove that network`,
      );
    }
  }
  checks.done();
  return parsed;
}
