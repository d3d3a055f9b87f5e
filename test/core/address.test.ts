import { describe, expect, it } from "vitest";
import { Subnet, addressAfter } from "../../components/core/address";

describe("a subnet", () => {
  it.each([
    "10.89.0.0",
    "10.89.0.0/",
    "10.89.0.0/33",
    "10.89.0.0/31",
    "10.89.0.1/24",
    "10.89.0/24",
    "fd00::/64",
    "",
    "10.89.0.0/24x",
    "10.89.0.0/24/7",
  ])("is not read from %j", (cidr) => {
    expect(Subnet.parse(cidr)).toBeUndefined();
  });

  it("contains its own addresses and no others", () => {
    const subnet = Subnet.parse("10.89.0.0/24");
    expect(["10.89.0.0", "10.89.0.255", "10.89.1.0", "10.88.255.255", "goods"].map((address) => subnet?.contains(address))).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
  });

  it("overlaps a wider and a narrower one, in either direction, and not its neighbour", () => {
    const [subnet, wider, narrower, neighbour] = ["10.89.0.0/24", "10.0.0.0/8", "10.89.0.128/25", "10.89.1.0/24"].map((cidr) =>
      Subnet.parse(cidr),
    );
    if (!subnet || !wider || !narrower || !neighbour) throw new Error("all four are subnets");
    expect([subnet.overlaps(wider), wider.overlaps(subnet), subnet.overlaps(narrower), subnet.overlaps(neighbour)]).toEqual([
      true,
      true,
      true,
      false,
    ]);
  });

  it("counts its hosts from the network address", () => {
    const subnet = Subnet.parse("10.89.4.0/22");
    expect([subnet?.at(1), subnet?.at(300), subnet?.broadcastAddress]).toEqual(["10.89.4.1", "10.89.5.44", "10.89.7.255"]);
  });
});

it("counts on over the end of an octet", () => {
  expect(addressAfter("10.89.0.254", 3)).toBe("10.89.1.1");
});
