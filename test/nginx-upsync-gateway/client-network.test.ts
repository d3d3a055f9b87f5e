import { describe, expect, it } from "vitest";
import { parseClientNetwork } from "../../components/nginx-upsync-gateway/client-network";

describe("a network of clients", () => {
  it.each(["", "proxy", "10.0.0", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/8/8", "10.0.0.0/x", "10.0.0.256", "::/129", "1:2", "fe80::1%eth0"])(
    "is not read from %j",
    (text) => expect(parseClientNetwork(text)).toBeUndefined(),
  );

  it.each([
    ["10.0.0.7", "10.0.0.7/32"],
    ["10.0.0.0/8", "10.0.0.0/8"],
    ["10.128.0.0/9", "10.128.0.0/9"],
    ["0.0.0.0/0", "0.0.0.0/0"],
    ["::1", "::1/128"],
    ["0:0:0:0:0:0:0:1", "::1/128"],
    ["FD00:0::/8", "fd00::/8"],
    ["::ffff:10.0.0.7", "::ffff:a00:7/128"],
    ["2001:db8:0:1::/64", "2001:db8:0:1::/64"],
    ["::/0", "::/0"],
  ])("is the same however it is written: %s is %s", (text, cidr) => {
    expect(parseClientNetwork(text)).toMatchObject({ cidr, hasHostBits: false });
  });

  it.each([
    ["10.0.0.5/8", "10.0.0.0/8", "10.0.0.5"],
    ["10.192.0.0/9", "10.128.0.0/9", "10.192.0.0"],
    ["10.0.0.1/31", "10.0.0.0/31", "10.0.0.1"],
    ["1.2.3.4/0", "0.0.0.0/0", "1.2.3.4"],
    ["fd00::5/8", "fd00::/8", "fd00::5"],
    ["2001:db8::1/127", "2001:db8::/127", "2001:db8::1"],
  ])("is told from an address with bits behind the prefix: %s", (text, cidr, address) => {
    expect(parseClientNetwork(text)).toEqual({ cidr, address, hasHostBits: true });
  });
});
