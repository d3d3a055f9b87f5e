import { BlockList, isIPv4 } from "node:net";

/** An IPv4 network in CIDR notation, `10.89.0.0/24`. */
export class Subnet {
  private readonly blocks = new BlockList();

  private constructor(
    readonly cidr: string,
    readonly networkAddress: string,
    readonly prefix: number,
  ) {
    this.blocks.addSubnet(networkAddress, prefix, "ipv4");
  }

  /** The subnet that `cidr` names, or undefined where it names none: no IPv4 address, no prefix of 8 to 30, or bits set behind the prefix. */
  static parse(cidr: string): Subnet | undefined {
    const [address = "", prefix = "", ...rest] = cidr.split("/");
    const bits = Number(prefix);
    if (rest.length > 0 || !isIPv4(address) || !/^\d+$/.test(prefix) || bits < 8 || bits > 30) return undefined;
    const size = 2 ** (32 - bits);
    return addressToNumber(address) % size === 0 ? new Subnet(cidr, address, bits) : undefined;
  }

  contains(address: string): boolean {
    return isIPv4(address) && this.blocks.check(address, "ipv4");
  }

  overlaps(other: Subnet): boolean {
    return this.contains(other.networkAddress) || other.contains(this.networkAddress);
  }

  /** The address `offset` behind the network address: 1 is the first host. */
  at(offset: number): string {
    return numberToAddress(addressToNumber(this.networkAddress) + offset);
  }

  get broadcastAddress(): string {
    return this.at(2 ** (32 - this.prefix) - 1);
  }
}

/** The IPv4 address `offset` behind `address`. */
export function addressAfter(address: string, offset: number): string {
  return numberToAddress(addressToNumber(address) + offset);
}

function addressToNumber(address: string): number {
  return address.split(".").reduce((number, octet) => number * 256 + Number(octet), 0);
}

function numberToAddress(number: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(number / 2 ** shift) % 256).join(".");
}
