import { type KeyObject, createSign, generateKeyPairSync, randomBytes } from "node:crypto";

/** A self-signed certificate and its key, in PEM. */
export interface Pair {
  readonly certificate: string;
  readonly key: string;
}

interface PairOptions {
  /** Name in the certificate. */
  readonly name: string;
  /** @default a day ago */
  readonly from?: Date;
  /** @default in a year */
  readonly to?: Date;
  /** Bits of an RSA key. @default an elliptic curve's key */
  readonly rsaBits?: number;
}

const DAY_MS = 86_400_000;

/** Makes a certificate: nothing that has to be installed, and none that is kept in the tree and expires there. */
export function selfSigned({
  name,
  from = new Date(Date.now() - DAY_MS),
  to = new Date(Date.now() + 365 * DAY_MS),
  rsaBits,
}: PairOptions): Pair {
  const { publicKey, privateKey } =
    rsaBits === undefined ? generateKeyPairSync("ec", { namedCurve: "P-256" }) : generateKeyPairSync("rsa", { modulusLength: rsaBits });
  const algorithm = rsaBits === undefined ? sequence(oid(ECDSA_WITH_SHA256)) : sequence(oid(RSA_WITH_SHA256), der(0x05));
  const subject = sequence(der(0x31, sequence(oid(COMMON_NAME), der(0x0c, Buffer.from(name)))));
  const body = sequence(
    der(0xa0, der(0x02, Buffer.from([2]))),
    der(0x02, Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    algorithm,
    subject,
    sequence(time(from), time(to)),
    subject,
    publicKey.export({ type: "spki", format: "der" }),
  );
  const signature = createSign("sha256").update(body).sign(privateKey);
  const certificate = sequence(body, algorithm, der(0x03, Buffer.from([0]), signature));
  return { certificate: pem(certificate), key: keyPem(privateKey) };
}

// 1.2.840.10045.4.3.2, 1.2.840.113549.1.1.11 and 2.5.4.3.
const ECDSA_WITH_SHA256 = "2a8648ce3d040302";
const RSA_WITH_SHA256 = "2a864886f70d01010b";
const COMMON_NAME = "550403";

function oid(hex: string): Buffer {
  return der(0x06, Buffer.from(hex, "hex"));
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return der(0x30, ...parts);
}

/** A value of ASN.1: its tag, its length, its content. */
function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

function time(date: Date): Buffer {
  return der(0x18, Buffer.from(date.toISOString().replace(/[-:T]|\.\d+/g, "")));
}

function pem(content: Buffer): string {
  return `-----BEGIN CERTIFICATE-----\n${(content.toString("base64").match(/.{1,64}/g) ?? []).join("\n")}\n-----END CERTIFICATE-----\n`;
}

function keyPem(key: KeyObject): string {
  return String(key.export({ type: "pkcs8", format: "pem" }));
}
