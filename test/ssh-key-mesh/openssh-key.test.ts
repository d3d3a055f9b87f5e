import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { renderSshPrivateKey, sshPublicKey } from "../../components/ssh-key-mesh/openssh-key";
import { seedOf } from "../mocks";

const base64 = (hex: string) => Buffer.from(hex, "hex").toString("base64");

const folder = mkdtempSync(join(tmpdir(), "dockyard-key-"));
afterAll(() => rmSync(folder, { recursive: true }));

function sshKeygen(key: string, ...args: string[]): string {
  const file = join(folder, "key");
  rmSync(file, { force: true });
  writeFileSync(file, key, { mode: 0o600 });
  return execFileSync("ssh-keygen", [...args, "-f", file], { encoding: "utf8" }).trim();
}

describe("an Ed25519 key", () => {
  // RFC 8032, section 7.1, TEST 1 and TEST 3.
  it.each([
    [
      "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
      "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
    ],
    [
      "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
      "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
    ],
  ])("has the public half that the standard says", (seed, publicHalf) => {
    const [type, blob = ""] = sshPublicKey(base64(seed)).split(" ");
    expect(type).toBe("ssh-ed25519");
    expect(Buffer.from(blob, "base64").toString("hex")).toBe(`0000000b${Buffer.from("ssh-ed25519").toString("hex")}00000020${publicHalf}`);
  });

  it("is the same file for the same seed", () => {
    const digest = createHash("sha256")
      .update(renderSshPrivateKey(seedOf("ops-1"), "ops-1"))
      .digest("hex");
    expect(digest).toBe("9a6e82efcda51a7efab751969d166bc7d93c20fce83a68a5fe62510b6f2d18b4");
  });

  // One comment for each length of the padding.
  it.runIf(existsSync("/usr/bin/ssh-keygen"))("is read by ssh-keygen, with whatever comment", () => {
    for (const comment of ["", "a", "ab", "abc", "abcd", "abcde", "abcdef", "abcdefg"]) {
      const key = renderSshPrivateKey(seedOf("ops-1"), comment);
      expect(sshKeygen(key, "-y", "-P", "")).toBe(`${sshPublicKey(seedOf("ops-1"))} ${comment}`.trim());
    }
  });

  it("is made from 32 bytes and no other number", () => {
    for (const seed of ["", base64("00".repeat(31)), base64("00".repeat(33))]) {
      expect(() => sshPublicKey(seed)).toThrow("an Ed25519 key is made from 32 bytes, not from ");
      expect(() => renderSshPrivateKey(seed, "ops-1")).toThrow(RangeError);
    }
  });
});
