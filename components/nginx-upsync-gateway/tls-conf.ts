import type { NormalTls } from "./tls-args";
import { block } from "./nginx-block";

/** What of it shows in nginx's configuration. */
export type TlsConf = Omit<NormalTls, "certificate" | "key">;

/** Names in the configuration's folder of the certificate and its key. */
export const [CERTIFICATE_FILE, KEY_FILE] = ["tls.crt", "tls.key"];

// Those of Mozilla's "intermediate" profile: all have forward secrecy and are authenticated. TLS 1.3 has no others.
const CIPHERS = [
  "ECDHE-ECDSA-AES128-GCM-SHA256",
  "ECDHE-RSA-AES128-GCM-SHA256",
  "ECDHE-ECDSA-AES256-GCM-SHA384",
  "ECDHE-RSA-AES256-GCM-SHA384",
  "ECDHE-ECDSA-CHACHA20-POLY1305",
  "ECDHE-RSA-CHACHA20-POLY1305",
];

/** Where the public server listens, and how it speaks TLS. */
export function listeners(port: number, tls: TlsConf | undefined): string[] {
  if (tls === undefined) return [`listen ${port};`];
  return [
    ...(tls.redirect ? [] : [`listen ${port};`]),
    `listen ${tls.port} ssl;`,
    ...(tls.http2 ? ["http2 on;"] : []),
    `ssl_certificate ${CERTIFICATE_FILE};`,
    `ssl_certificate_key ${KEY_FILE};`,
    `ssl_protocols ${tls.minimumVersion === "1.2" ? "TLSv1.2 TLSv1.3" : "TLSv1.3"};`,
    `ssl_ciphers ${CIPHERS.join(":")};`,
    // Any of them will do; who has no AES in hardware takes ChaCha20.
    "ssl_prefer_server_ciphers off;",
    "ssl_session_cache shared:gateway_tls:10m;",
    "ssl_session_timeout 1d;",
    // Their key would stay the same until the next reload, however long that is.
    "ssl_session_tickets off;",
  ];
}

/** The plain port's own server, where it only sends clients on. @param lines What every server of clients has. */
export function redirectServer(port: number, tls: TlsConf | undefined, lines: readonly string[]): string[] {
  if (!tls?.redirect) return [];
  const target = tls.redirectPort === 443 ? "$host" : `$host:${tls.redirectPort}`;
  return [block("server", [`listen ${port};`, ...lines, `location / { return 308 https://${target}$request_uri; }`]), ""];
}

/** Value of the header that keeps browsers from plain HTTP: only over TLS, and only where the service sets none. */
export function hstsValue(tls: TlsConf | undefined): string[] {
  if (tls?.hstsSeconds === undefined) return [];
  return [block('map "$https $sent_http_strict_transport_security" $gateway_hsts', [`"on " max-age=${tls.hstsSeconds};`, 'default "";'])];
}

/** Adds the header, for a server. */
export function hsts(tls: TlsConf | undefined): string[] {
  return tls?.hstsSeconds === undefined ? [] : ["add_header Strict-Transport-Security $gateway_hsts always;"];
}
