import { X509Certificate, createPrivateKey } from "node:crypto";
import * as pulumi from "@pulumi/pulumi";
import { ConfigError, type Fault } from "../core/errors";
import { secretOnly } from "../core/secret";
import type { NormalTls } from "./tls-args";

const PEM = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * The certificate and its key, both secrets. Where preview knows them, what is wrong with them is found there; a generated one is looked at
 * before anything of the gateway is touched.
 */
export function checkedPair(name: string, { certificate, key }: NormalTls): pulumi.Output<{ certificate: string; key: string }> {
  const given = pulumi.all([secretOnly(`${name}.tls.certificate`, certificate), secretOnly(`${name}.tls.key`, key)]);
  return given.apply(([certificateText, keyText]) => {
    const faults = pairFaults(certificateText, keyText, new Date());
    if (faults.length > 0) throw new ConfigError(faults.map(({ path, ...fault }) => ({ path: `${name}.tls.${path}`, ...fault })));
    return { certificate: certificateText, key: keyText };
  });
}

/** What is wrong with a certificate and its key, without a word of what is in the key. */
export function pairFaults(certificate: string, key: string, now: Date): Fault[] {
  const chain = readChain(certificate);
  const privateKey = attempt(() => createPrivateKey(key));
  const faults: Fault[] = [];
  if (privateKey === undefined)
    faults.push({ path: "key", value: "(a secret)", remedy: "must be a private key in PEM without a passphrase" });
  const [leaf] = chain ?? [];
  if (leaf === undefined) return [{ path: "certificate", value: "(a secret)", remedy: "must be certificates in PEM" }, ...faults];
  if (!isChain(certificate))
    faults.push({
      path: "certificate",
      value: "(a secret)",
      remedy: "must be whole certificates in PEM, and nothing else in PEM such as the key",
    });

  for (const each of chain ?? []) {
    const subject = each.subject.replaceAll("\n", ", ");
    if (now > new Date(each.validTo))
      faults.push({ path: "certificate", value: each.validTo, remedy: `must not have expired, as that of ${subject} has; renew it` });
    if (now < new Date(each.validFrom))
      faults.push({
        path: "certificate",
        value: each.validFrom,
        remedy: `must be valid already, which that of ${subject} is not; look at this machine's clock`,
      });
  }
  if (privateKey !== undefined && !leaf.checkPrivateKey(privateKey))
    faults.push({ path: "key", value: "(a secret)", remedy: "must be that of the first certificate; renew both together" });
  return faults;
}

function readChain(text: string): X509Certificate[] | undefined {
  return attempt(() => (text.match(PEM) ?? []).map((each) => new X509Certificate(each)));
}

/** Whether all that it holds in PEM are whole certificates: nginx reads the rest as well, and a key would lie where certificates may be read. */
function isChain(text: string): boolean {
  return !text.replace(PEM, "").includes("-----");
}

/** What OpenSSL says of a text that it cannot read helps nobody. */
function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
