import { describe, expect, it } from "vitest";
import { refusals } from "../../components/nginx-upsync-gateway/request-conf";
import { renderNginxConf } from "../../components/nginx-upsync-gateway/nginx-conf";
import { GOOD, faultsOf } from "./faults";
import { settingsOf } from "./settings";

/** Whether the map in nginx's configuration marks a request line's target; the patterns mean the same to JavaScript. */
function isRefused(target: string, protocol = "HTTP/1.1", host = "shop"): boolean {
  const patterns = [
    ...refusals()
      .join("\n")
      .matchAll(/"~\*(.*)" (1|\$gateway_hostless);/g),
  ].map(([, pattern = "", value]) => [pattern.replaceAll("\\\\", "\\"), value] as const);
  expect(patterns).toHaveLength(3);
  const [, value] = patterns.find(([pattern]) => new RegExp(pattern, "i").test(`${protocol} ${target}`)) ?? [];
  return value === "1" || (value === "$gateway_hostless" && host === "");
}

describe("what no honest client sends", () => {
  it.each([
    "/..",
    "/../etc/passwd",
    "/goods/../login",
    "/goods/..?a=b",
    "/goods/%2e%2e/login",
    "/goods/.%2E/login",
    "/goods/..%2Flogin",
    "/goods%2f..%2flogin",
    String.raw`/goods/..\login`,
    "/goods/..%5clogin",
    "/goods/..;a=b/login",
    "//",
    "//h/login",
    "/%2Fh/login",
    String.raw`/\h/login`,
    "/%5ch/login",
    "/a?next=%0d%0aSet-Cookie:a",
    "/a%0A",
    "/a%00.png",
  ])("is marked: %s", (target) => {
    expect(isRefused(target)).toBe(true);
  });

  it.each([
    "/",
    "/goods/1",
    "/a..b",
    "/goods/.../x",
    "/.well-known/x",
    "/a?path=../b",
    "/a?b=/../c",
    "/a%20b?c=%25",
    "/a/..b",
    "/a/b..",
    "/a//b",
    "/a?b=//c",
  ])("is not: %s", (target) => {
    expect(isRefused(target)).toBe(false);
  });

  it("is a request without a host, and so one without a version", () => {
    expect([isRefused("/goods", "", ""), isRefused("/goods", "HTTP/1.0", "")]).toEqual([true, true]);
    expect([isRefused("/goods", "HTTP/1.0"), isRefused("/goods", "HTTP/2.0")]).toEqual([false, false]);
    expect([isRefused("/goods/../login", "HTTP/1.0"), isRefused("/a%0a", "", "")]).toEqual([true, true]);
  });
});

describe("bounds of requests and headers of answers", () => {
  it("are what the arguments say", () => {
    const text = renderNginxConf({
      ...settingsOf("edge", {
        ...GOOD,
        requests: { maxBodyKiB: 64, maxHeaderKiB: 16, headerTimeoutSeconds: 5, bodyTimeoutSeconds: 6, sendTimeoutSeconds: 7 },
        securityHeaders: { frameOptions: "SAMEORIGIN", referrerPolicy: null, contentSecurityPolicy: `default-src 'self'; img-src "x"` },
      }),
      adminClients: [],
      memoryMiB: 512,
    });
    for (const line of [
      "client_max_body_size 64k;",
      "large_client_header_buffers 4 16k;",
      "client_header_timeout 5s;",
      "client_body_timeout 6s;",
      "send_timeout 7s;",
      "keepalive_timeout 75s;",
      "keepalive_requests 1000;",
      '"" "SAMEORIGIN";',
      String.raw`"" "default-src 'self'; img-src \"x\"";`,
      "add_header Content-Security-Policy $gateway_content_security_policy always;",
    ])
      expect(text).toContain(`${line}\n`);
    expect(text).not.toContain("Referrer-Policy");
  });

  it.each<[string, object, string]>([
    ["no body", { requests: { maxBodyKiB: 0 } }, "edge.requests.maxBodyKiB: must be 1 to 1048576 KiB, got 0"],
    ["a head of 65 KiB", { requests: { maxHeaderKiB: 65 } }, "edge.requests.maxHeaderKiB: must be 1 to 64 KiB, got 65"],
    ["no time", { requests: { headerTimeoutSeconds: 0 } }, "edge.requests.headerTimeoutSeconds: must be 1 to 600 seconds, got 0"],
    ["half a second", { requests: { bodyTimeoutSeconds: 0.5 } }, "edge.requests.bodyTimeoutSeconds: must be 1 to 600 seconds, got 0.5"],
    ["a bound that is not known", { requests: { maxBody: 1 } }, "edge.requests.maxBody: is not known"],
    [
      "frames for some",
      { securityHeaders: { frameOptions: "ALLOW" } },
      "edge.securityHeaders.frameOptions: must be one of DENY, SAMEORIGIN",
    ],
    [
      "a policy in two lines",
      { securityHeaders: { contentSecurityPolicy: "a\nb" } },
      "edge.securityHeaders.contentSecurityPolicy: must be a header's value in visible ASCII",
    ],
    [
      "a variable in a policy",
      { securityHeaders: { permissionsPolicy: "camera=($host)" } },
      "edge.securityHeaders.permissionsPolicy: must be a header's value in visible ASCII",
    ],
    [
      "metrics of upsync",
      { engine: "upsync", metrics: true },
      'edge.metrics: must be left out with the engine "upsync", which has nobody who could count, got true',
    ],
  ])("refuse %s", (_, change, fault) => {
    expect(faultsOf(change).join("\n")).toContain(fault);
  });
});
