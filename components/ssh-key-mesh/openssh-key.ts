import { KeyObject, createPrivateKey, createPublicKey } from "node:crypto";

const KEY_TYPE = "ssh-ed25519";

/** What stands before the 32 bytes of an Ed25519 private key in PKCS #8: RFC 8410, section 7. */
const PKCS8_HEADER = Buffer.from("302e020100300506032b657004220420", "hex");

/** Padding goes up to this many bytes where there is no cipher. */
const BLOCK_BYTES = 8;

/**
 * The public half of a key pair as `authorized_keys` and `known_hosts` hold it: `ssh-ed25519 AAAA…`.
 *
 * @param seed 32 random bytes in base64: an Ed25519 private key is nothing else, RFC 8032, section 5.1.5.
 * @throws {RangeError} when it is not 32 bytes.
 */
export function sshPublicKey(seed: string): string {
  return `${KEY_TYPE} ${publicBlob(publicHalf(parseSeed(seed))).toString("base64")}`;
}

/**
 * The private half as a file that `ssh` and `sshd` read, unencrypted; the format is described in OpenSSH's PROTOCOL.key.
 *
 * The same seed and comment always give the same file.
 *
 * @param comment Said by `ssh-keygen -l` and in logs: whose key it is.
 * @throws {RangeError} when the seed is not 32 bytes.
 */
export function renderSshPrivateKey(seed: string, comment: string): string {
  const privateBytes = parseSeed(seed);
  const publicBytes = publicHalf(privateBytes);
  // The two check integers only have to be equal: they tell a wrong passphrase from the right one, and there is none.
  const section = Buffer.concat([
    uint32(0),
    uint32(0),
    lengthPrefixed(KEY_TYPE),
    lengthPrefixed(publicBytes),
    lengthPrefixed(Buffer.concat([privateBytes, publicBytes])),
    lengthPrefixed(comment),
  ]);
  const file = Buffer.concat([
    Buffer.from("openssh-key-v1\0"),
    lengthPrefixed("none"), // cipher
    lengthPrefixed("none"), // key derivation
    lengthPrefixed(""), // its options
    uint32(1), // keys in the file
    lengthPrefixed(publicBlob(publicBytes)),
    lengthPrefixed(padded(section)),
  ]);
  return ["-----BEGIN OPENSSH PRIVATE KEY-----", ...lines(file.toString("base64")), "-----END OPENSSH PRIVATE KEY-----", ""].join("\n");
}

function parseSeed(seed: string): Buffer {
  const bytes = Buffer.from(seed, "base64");
  if (bytes.length !== 32) throw new RangeError(`an Ed25519 key is made from 32 bytes, not from ${bytes.length}`);
  return bytes;
}

function publicHalf(privateBytes: Buffer): Buffer {
  const privateKey = createPrivateKey({ key: Buffer.concat([PKCS8_HEADER, privateBytes]), format: "der", type: "pkcs8" });
  return Buffer.from(jwkX(createPublicKey(privateKey)), "base64url");
}

function jwkX(key: KeyObject): string {
  return key.export({ format: "jwk" }).x ?? "";
}

/** A public key as it goes over the wire: RFC 8709, section 4. */
function publicBlob(publicBytes: Buffer): Buffer {
  return Buffer.concat([lengthPrefixed(KEY_TYPE), lengthPrefixed(publicBytes)]);
}

/** The type `string` of RFC 4251, section 5. */
function lengthPrefixed(value: string | Buffer): Buffer {
  const bytes = Buffer.from(value as string);
  return Buffer.concat([uint32(bytes.length), bytes]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** The bytes 1, 2, 3, … up to a whole block. */
function padded(section: Buffer): Buffer {
  const missing = (BLOCK_BYTES - (section.length % BLOCK_BYTES)) % BLOCK_BYTES;
  return Buffer.concat([section, Buffer.from(Array.from({ length: missing }, (_, index) => index + 1))]);
}

function lines(base64: string): string[] {
  return base64.match(/.{1,70}/g) ?? [];
}
