import { isIPv4, isIPv6 } from "node:net";

/** An address or a network that nginx tells clients by. */
export interface ClientNetwork {
  /** The network in CIDR notation, the same for each way of writing it; an address is one with a prefix of all its bits. */
  readonly cidr: string;
  /** The address that was written before the prefix. */
  readonly address: string;
  /** Whether bits are set behind the prefix: nginx leaves them out, so that it is another network than it looks like. */
  readonly hasHostBits: boolean;
}

/** The network that `text` names, as `10.0.0.7`, `10.0.0.0/8` or `fd00::/8`, or undefined where it names none. */
export function parseClientNetwork(text: string): ClientNetwork | undefined {
  const [address = "", prefix, ...rest] = text.split("/");
  const groups = groupsOf(address);
  if (groups === undefined || rest.length > 0) return undefined;
  const size = groups.length === 4 ? 8 : 16;
  const bits = prefix === undefined ? groups.length * size : Number(prefix);
  if (!/^\d{1,3}$/.test(prefix ?? "0") || bits > groups.length * size) return undefined;
  const masked = groups.map((group, index) => {
    const behind = 2 ** (size - Math.min(Math.max(bits - index * size, 0), size));
    return group - (group % behind);
  });
  return { cidr: `${written(masked)}/${bits}`, address, hasHostBits: masked.some((group, index) => group !== groups[index]) };
}

/** The four bytes of an IPv4 address or the eight groups of an IPv6 one; undefined where it is neither, or one of a zone, which nginx does not know. */
function groupsOf(address: string): number[] | undefined {
  if (isIPv4(address)) return address.split(".").map(Number);
  if (!isIPv6(address) || address.includes("%")) return undefined;
  const [before = "", after] = shortest(address).split("::");
  const [left, right] = [before, after ?? ""].map((part) => part.split(":").filter(Boolean));
  const zeros = Array.from({ length: 8 - (left?.length ?? 0) - (right?.length ?? 0) }, () => "0");
  return [...(left ?? []), ...zeros, ...(right ?? [])].map((group) => Number.parseInt(group, 16));
}

function written(groups: readonly number[]): string {
  return groups.length === 4 ? groups.join(".") : shortest(groups.map((group) => group.toString(16)).join(":"));
}

/** An IPv6 address as RFC 5952 writes it, its last four bytes as two groups. */
function shortest(address: string): string {
  return new URL(`http://[${address}]`).hostname.slice(1, -1);
}
