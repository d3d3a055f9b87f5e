import { describe, expect, it } from "vitest";
import { Host, Placement } from "../../components/core/host";
import { ServiceNetwork } from "../../components/core/service-network";
import { emptyNetwork, recordResources, settled } from "../mocks";

const registered = recordResources();

function placementWith(...networks: { name: string; subnets: string[]; stack: string }[]): Placement {
  return new Placement([new Host({ name: "local", inventory: { networks, ports: [] } })]);
}

describe("a service network", () => {
  it("gives a component's nodes one address after the other", () => {
    expect(emptyNetwork({ goods: "10.89.0.41" }).addressesOf("goods", 3)).toEqual(["10.89.0.41", "10.89.0.42", "10.89.0.43"]);
  });

  it("refuses an address that two nodes would have, naming both", () => {
    const network = emptyNetwork({ goods: "10.89.0.41", order: "10.89.0.43" });
    network.addressesOf("goods", 3);
    expect(() => network.addressesOf("order", 1)).toThrow(
      'services.addresses.order-1: must be its own, but goods-3 has it; move the first address of one of them, got "10.89.0.43"',
    );
  });

  it("refuses the gateway's, the network's and the broadcast address, and what lies outside", () => {
    expect(() => emptyNetwork({ a: "10.89.0.1" }).addressesOf("a", 1)).toThrow(
      "services.addresses.a-1: must be a host address of 10.89.0.0/24 other than 10.89.0.1",
    );
    expect(() => emptyNetwork({ a: "10.89.0.254" }).addressesOf("a", 2)).toThrow(
      'services.addresses.a-2: must be a host address of 10.89.0.0/24 other than 10.89.0.1, the gateway\'s, got "10.89.0.255"',
    );
    expect(() => emptyNetwork({ a: "10.90.0.7" })).toThrow('services.addresses.a: must lie inside 10.89.0.0/24, got "10.90.0.7"');
  });

  it("refuses a component without an address", () => {
    expect(() => emptyNetwork({}).addressesOf("goods", 1)).toThrow(
      "services.addresses.goods: must name the first address of goods's nodes",
    );
  });

  it("refuses a subnet that overlaps a network on the host, naming it, and not its own from the last run", () => {
    const args = { subnet: "10.89.0.0/24", addresses: {} };
    expect(
      () => new ServiceNetwork("services", { ...args, placement: placementWith({ name: "legacy", subnets: ["10.88.0.0/15"], stack: "" }) }),
    ).toThrow(
      'services.subnet: must not overlap the Docker network "legacy" (10.88.0.0/15); choose another or remove that network, got "10.89.0.0/24"',
    );
    expect(
      () =>
        new ServiceNetwork("own", {
          ...args,
          placement: placementWith({ name: "dockyard-unit-own", subnets: ["10.89.0.0/24"], stack: "dockyard-unit" }),
        }),
    ).not.toThrow();
  });

  it("tells every fault at once", () => {
    expect(() => emptyNetwork({ a: "10.90.0.7", b: "10.91.0.7" })).toThrow(/addresses\.a.*\n.*addresses\.b/);
  });

  it("is a bridge on one host and an attachable overlay on several", async () => {
    const swarm = [{ name: "docker_gwbridge", subnets: ["172.18.0.0/16"], stack: "" }];
    const hosts = ["a", "b"].map((name) => new Host({ name, inventory: { networks: swarm, ports: [] } })) as [Host, Host];
    const wide = new ServiceNetwork("wide", { placement: new Placement(hosts), subnet: "10.92.0.0/24", addresses: {} });
    expect(wide.hostAddress(hosts[1])).toBe("172.18.0.1");
    const network = (name: string) =>
      registered.find((resource) => resource.type === "docker:index/network:Network" && resource.name === name)?.inputs;
    await settled(registered);
    expect(network("services")).toMatchObject({
      name: "dockyard-unit-services",
      driver: "bridge",
      ipamConfigs: [{ subnet: "10.89.0.0/24", gateway: "10.89.0.1" }],
    });
    expect(network("wide")).toMatchObject({ driver: "overlay", attachable: true });
  });

  it("refuses hosts that are in no swarm for a network over several", () => {
    const hosts = ["a", "b"].map((name) => new Host({ name, inventory: { networks: [], ports: [] } })) as [Host, Host];
    const wide = () => new ServiceNetwork("alone", { placement: new Placement(hosts), subnet: "10.92.0.0/24", addresses: {} });
    expect(wide).toThrow(/alone\.placement: must be hosts of one Docker swarm.*got "a"\n.*got "b"/);
  });
});
