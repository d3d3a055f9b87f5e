import type { Output } from "@pulumi/pulumi";
import { Shape, flag, maybe, number, oneOf, shape, textInput } from "../core/argument-shape";
import type { Checks } from "../core/errors";
import { checkGivenSecret } from "../core/secret";
import { isWhole } from "../core/whole";

/** TLS towards clients. */
export interface TlsArgs {
  /** Certificate and those between it and a root, in PEM, its own first; a secret, so that it is renewed together with its key. */
  certificate: Output<string>;

  /** Private key of the certificate without a passphrase, in PEM; a secret. */
  key: Output<string>;

  /** Port that clients connect to, inside the container. @default 8443 */
  port?: number;

  /** Port on the host's loopback for clients; gateway n gets the one n − 1 behind it. @default the same as port */
  publishedPort?: number;

  /**
   * Whether the plain port only sends clients on to this one, with 308, which keeps the method and the body. What reaches the gateway over
   * the service network as plain HTTP, such as a `SquidCdn`, takes false.
   *
   * @default true
   */
  redirect?: boolean;

  /**
   * Port that clients are sent on to. Several gateways need it said, for they send clients to one address: the port of what is before
   * them, such as that of a pair's listen with the gateway's `listenTls`.
   *
   * @default publishedPort of a gateway that is alone
   */
  redirectPort?: number;

  /** Whether HTTP/2 is spoken with who asks for it. @default true */
  http2?: boolean;

  /** Oldest version of TLS. @default "1.2" */
  minimumVersion?: TlsVersion;

  /** Time for which browsers take no plain HTTP from this name any more (HSTS), in seconds; there is no way back before. @default no such header */
  hstsSeconds?: number;
}

export type TlsVersion = "1.2" | "1.3";

export interface TlsSettings {
  /** TLS towards clients. @default none */
  tls?: TlsArgs;
}

/** Names and types of {@link TlsSettings}. */
export const TLS: Shape<TlsSettings> = {
  tls: maybe(
    shape<TlsArgs>({
      certificate: textInput,
      key: textInput,
      port: maybe(number),
      publishedPort: maybe(number),
      redirect: maybe(flag),
      redirectPort: maybe(number),
      http2: maybe(flag),
      minimumVersion: maybe(oneOf(["1.2", "1.3"])),
      hstsSeconds: maybe(number),
    }),
  ),
};

export type NormalTls = Readonly<Required<Omit<TlsArgs, "hstsSeconds">> & Pick<TlsArgs, "hstsSeconds">>;
export type NormalTlsSettings = Readonly<{ tls: NormalTls | undefined }>;

/** Fills in the defaults. */
export function normalizeTls({ tls }: TlsSettings): NormalTlsSettings {
  if (tls === undefined) return { tls };
  const port = tls.port ?? 8443;
  return {
    tls: {
      certificate: tls.certificate,
      key: tls.key,
      port,
      publishedPort: tls.publishedPort ?? port,
      redirect: tls.redirect ?? true,
      redirectPort: tls.redirectPort ?? tls.publishedPort ?? port,
      http2: tls.http2 ?? true,
      minimumVersion: tls.minimumVersion ?? "1.2",
      hstsSeconds: tls.hstsSeconds,
    },
  };
}

/** What is wrong with it, but for the certificate itself, is added to `checks`. @param taken Ports of the gateway's other listeners. */
export function checkTls(checks: Checks, { tls }: NormalTlsSettings, taken: readonly number[]): void {
  if (tls === undefined) return;
  const { port, publishedPort, redirectPort, hstsSeconds } = tls;
  checkGivenSecret(checks, "tls.certificate", tls.certificate);
  checkGivenSecret(checks, "tls.key", tls.key);
  checks
    .that(isWhole(port, 1024, 65_535), "tls.port", port, "must be a port from 1024 to 65535, for nginx runs unprivileged")
    .that(!taken.includes(port), "tls.port", port, "must differ from port and adminPort; choose another")
    .that(isWhole(publishedPort, 1, 65_535), "tls.publishedPort", publishedPort, "must be a port from 1 to 65535")
    .that(isWhole(redirectPort, 1, 65_535), "tls.redirectPort", redirectPort, "must be a port from 1 to 65535")
    .that(
      hstsSeconds === undefined || isWhole(hstsSeconds, 1, 63_072_000),
      "tls.hstsSeconds",
      hstsSeconds,
      "must be 1 to 63072000 seconds, which are two years; leave it out to have no such header",
    );
}
