import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { NginxUpsyncGateway } from "../../components";
import { pairFaults } from "../../components/nginx-upsync-gateway/certificate";
import type { TlsArgs } from "../../components/nginx-upsync-gateway/tls-args";
import { renderNginxConf } from "../../components/nginx-upsync-gateway/nginx-conf";
import { emptyNetwork, recordResources, settled } from "../mocks";
import { selfSigned } from "../stack/support/certificates";
import { GOOD, faultsOf } from "./faults";
import { settingsOf } from "./settings";

const PAIR = selfSigned({ name: "shop.example" });
const SECRETS = { certificate: pulumi.secret(PAIR.certificate), key: pulumi.secret(PAIR.key) };

function conf(tls: Partial<TlsArgs>): string {
  return renderNginxConf({ ...settingsOf("edge", { ...GOOD, tls: { ...SECRETS, ...tls } }), adminClients: [], memoryMiB: 512 });
}

describe("TLS in nginx.conf", () => {
  it("has the plain port send clients on, and tells them nothing else there", () => {
    const text = conf({ publishedPort: 18_443 });
    expect(text).toContain(
      "    server {\n        listen 8080;\n        log_by_lua_block { gateway.finish() }\n        location / { return 308 https://$host:18443$request_uri; }\n    }\n\n    server {\n        listen 8443 ssl;\n        http2 on;\n        ssl_certificate tls.crt;\n        ssl_certificate_key tls.key;\n        ssl_protocols TLSv1.2 TLSv1.3;\n",
    );
    expect(text).not.toContain("Strict-Transport-Security");
    expect(conf({ publishedPort: 443 })).toContain("return 308 https://$host$request_uri;");
    expect(conf({ publishedPort: 18_443, redirectPort: 443 })).toContain("return 308 https://$host$request_uri;");
  });

  it("counts whom it sends on, by the address that a proxy before it tells", () => {
    const text = renderNginxConf({
      ...settingsOf("edge", { ...GOOD, tls: SECRETS, trustedProxies: ["10.0.0.7"] }),
      adminClients: [],
      memoryMiB: 512,
    });
    const real = "set_real_ip_from 10.0.0.7;\n        real_ip_header X-Forwarded-For;\n        real_ip_recursive on;\n";
    expect(text).toContain(`listen 8080;\n        ${real}        log_by_lua_block { gateway.finish() }\n        location / { return 308`);
    expect(text.split(real)).toHaveLength(3);
  });

  it("serves both ports alike without the redirect, HTTP/1.1 without HTTP/2, and TLS 1.3 alone", () => {
    const text = conf({ redirect: false, http2: false, minimumVersion: "1.3" });
    expect(text).toContain("        listen 8080;\n        listen 8443 ssl;\n        ssl_certificate tls.crt;\n");
    expect(text).toContain("        ssl_protocols TLSv1.3;\n");
    expect(text).not.toContain("return 308");
  });

  it("keeps browsers from plain HTTP where it is told to", () => {
    const text = conf({ hstsSeconds: 31_536_000 });
    expect(text).toContain('map "$https $sent_http_strict_transport_security" $gateway_hsts {\n        "on " max-age=31536000;\n');
    expect(text).toContain("        add_header Strict-Transport-Security $gateway_hsts always;\n");
  });

  it.each<[string, object, string]>([
    [
      "a key in clear",
      { ...SECRETS, key: PAIR.key },
      "edge.tls.key: must be a secret, such as config.requireSecret(...) or pulumi.secret(...)",
    ],
    ["no certificate", { key: SECRETS.key }, "edge.tls.certificate: must be given, got undefined"],
    ["the plain port again", { ...SECRETS, port: 8080 }, "edge.tls.port: must differ from port and adminPort; choose another, got 8080"],
    [
      "a port for root",
      { ...SECRETS, port: 443 },
      "edge.tls.port: must be a port from 1024 to 65535, for nginx runs unprivileged, got 443",
    ],
    ["no port", { ...SECRETS, publishedPort: 0 }, "edge.tls.publishedPort: must be a port from 1 to 65535, got 0"],
    ["nowhere to send clients on", { ...SECRETS, redirectPort: 0 }, "edge.tls.redirectPort: must be a port from 1 to 65535, got 0"],
    [
      "where to send clients on that are not sent",
      { ...SECRETS, redirect: false, redirectPort: 443 },
      "edge.tls.redirectPort: must be left out where redirect is false and nobody is sent on, got 443",
    ],
    ["an old version", { ...SECRETS, minimumVersion: "1.1" }, 'edge.tls.minimumVersion: must be one of 1.2, 1.3, got "1.1"'],
    ["no time", { ...SECRETS, hstsSeconds: 0 }, "edge.tls.hstsSeconds: must be 1 to 63072000 seconds"],
  ])("refuses %s", (_, tls, fault) => {
    expect(faultsOf({ tls }).join("\n")).toContain(fault);
  });
});

describe("a certificate and its key", () => {
  const now = new Date();
  const faults = (certificate: string, key: string, at = now) =>
    pairFaults(certificate, key, at).map(({ path, remedy }) => `${path}: ${remedy}`);

  it("are taken where they belong together and are valid, also with others behind", () => {
    expect(faults(PAIR.certificate, PAIR.key)).toEqual([]);
    expect(faults(PAIR.certificate + selfSigned({ name: "root" }).certificate, PAIR.key)).toEqual([]);
  });

  it("are refused where they do not belong together, have expired, are not valid yet or are none, all at once", () => {
    const old = selfSigned({ name: "old", from: new Date("2020-01-01"), to: new Date("2021-01-01") });
    expect(faults(old.certificate, PAIR.key)).toEqual([
      "certificate: must not have expired, as that of CN=old has; renew it",
      "key: must be that of the first certificate; renew both together",
    ]);
    expect(faults(PAIR.certificate + old.certificate, PAIR.key)).toEqual([
      "certificate: must not have expired, as that of CN=old has; renew it",
    ]);
    expect(faults(PAIR.certificate, PAIR.key, new Date("2020-01-01"))).toEqual([
      "certificate: must be valid already, which that of CN=shop.example is not; look at this machine's clock",
    ]);
    const more = "certificate: must be whole certificates in PEM, and nothing else in PEM such as the key";
    expect(faults(`${PAIR.certificate}\n-----BEGIN CERTIFICATE-----\nAAAA\n`, PAIR.key)).toEqual([more]);
    expect(faults(PAIR.certificate + PAIR.key, PAIR.key)).toEqual([more]);
    expect(faults(`Certificate:\n    Data: of the edge\n${PAIR.certificate}`, PAIR.key)).toEqual([]);
    const none = ["certificate: must be certificates in PEM", "key: must be a private key in PEM without a passphrase"];
    expect(faults("", "")).toEqual(none);
    expect(faults("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "none")).toEqual(none);
  });

  it("say nothing of what is in them", () => {
    expect(JSON.stringify(pairFaults(PAIR.certificate, "my passphrase", now))).not.toContain("my passphrase");
  });

  it("reach the gateway as files, the key for nginx alone, and a port", async () => {
    const registered = recordResources();
    const gateway = new NginxUpsyncGateway("edge", {
      ...GOOD,
      network: emptyNetwork({ edge: "10.89.0.10" }),
      tls: { ...SECRETS, publishedPort: 18_443 },
    });
    const resources = await settled(registered);
    expect(String(gateway.secure)).toBe("127.0.0.1:18443");
    const inputs = (name: string, type: string) => resources.find((each) => each.name === name && each.type.endsWith(type))?.inputs ?? {};
    const command = inputs("edge-1-config", "Command");
    // Pulumi wraps what is secret.
    const stdin = (command.stdin as { value: string }).value;
    expect(stdin).toContain(PAIR.certificate);
    expect(stdin).toContain(PAIR.key);
    expect(stdin).toMatch(/chmod 0400 \S+\/tls\.key/);
    expect(JSON.stringify([{ ...command, stdin: "" }, inputs("edge-1", "Container")])).not.toContain(PAIR.key.slice(30, 60));
    expect(inputs("edge-1", "Container").ports).toContainEqual(
      expect.objectContaining({ internal: 8443, external: 18_443, ip: "127.0.0.1" }),
    );
  });

  it("are those of several gateways, which a pair leads to and which send clients to its port", async () => {
    const registered = recordResources();
    const network = emptyNetwork({ pair: "10.89.0.10", other: "10.89.0.20" });
    const pair = new NginxUpsyncGateway("pair", { ...GOOD, network, instances: 2, tls: { ...SECRETS, redirectPort: 443 } });
    await settled(registered);
    expect([String(pair.secure), ...pair.secures.map(String)]).toEqual(["127.0.0.1:8443", "127.0.0.1:8443", "127.0.0.1:8444"]);
    expect(pair.listenTls).toMatchObject({ mode: "tcp", lines: ["option redispatch 1"] });
    expect(Object.values(pair.listenTls?.servers ?? {}).map(({ endpoint }) => String(endpoint))).toEqual([
      "10.89.0.10:8443",
      "10.89.0.11:8443",
    ]);
    expect(() => new NginxUpsyncGateway("other", { ...GOOD, network, instances: 2, tls: SECRETS })).toThrow(
      "other.tls.redirectPort: must be given for several gateways that send clients on",
    );
  });
});
