import { describe, expect, it } from "vitest";
import type { GatewaySettings } from "../../components/nginx-upsync-gateway/gateway-settings";
import { renderNginxConf } from "../../components/nginx-upsync-gateway/nginx-conf";
import { GOOD, faultsOf } from "./faults";
import { settingsOf } from "./settings";

const LOGIN = { limits: { login: { rate: "60r/m" } }, guardedPaths: [{ service: "goods", path: "/login", limits: ["login"] }] } as const;

function conf(args: Partial<GatewaySettings>): string {
  return renderNginxConf({ ...settingsOf("edge", { ...GOOD, ...args }), adminClients: [], memoryMiB: 512 });
}

/** A limit that the service itself names. */
function limited(limit: object): object {
  return { limits: { one: limit }, services: { goods: { path: "/goods/", limits: ["one"] } } };
}

function guarded(change: object): object {
  return { ...LOGIN, guardedPaths: [{ ...LOGIN.guardedPaths[0], ...change }] };
}

describe("limits of clients", () => {
  it("are those of the login that users have had so far", () => {
    const text = conf(LOGIN);
    expect(text).toContain("    limit_req_zone $binary_remote_addr zone=requests_login_c7b622:10m rate=60r/m;\n");
    expect(text).toContain(
      "        location /login {\n            limit_req zone=requests_login_c7b622;\n            limit_req_status 429;\n            set $gateway_wait 1;\n",
    );
    expect(text).toContain("        add_header Retry-After $gateway_retry_after always;\n");
  });

  it("leave no trace where there are none", () => {
    const text = conf({});
    for (const word of ["limit_req", "limit_conn", "gateway_wait", "Retry-After $", "real_ip"]) expect(text).not.toContain(word);
  });

  it("hold on a service's own path and, together with others, on those below", () => {
    const text = conf({
      limits: { all: { connections: 20 }, search: { rate: "5r/s", burst: 10, nodelay: true } },
      services: { goods: { path: "/goods/", limits: ["all"] } },
      guardedPaths: [{ service: "goods", path: "/goods/search", match: "exact", limits: ["search"] }],
    });
    expect(text).toContain(
      "location /goods/ {\n            limit_conn connections_all_c7b622 20;\n            limit_conn_status 429;\n            set $gateway_wait 1;\n",
    );
    expect(text).toContain(
      "location = /goods/search {\n            limit_conn connections_all_c7b622 20;\n            limit_req zone=requests_search_c7b622 burst=10 nodelay;\n            limit_req_status 429;\n            limit_conn_status 429;\n",
    );
  });

  it("do not count who is exempt, and tell clients apart by a header or else by their address", () => {
    const text = conf(limited({ by: { header: "X-Api-Key" }, rate: "1r/m", exempt: ["10.0.0.0/8", "::1"], status: 503, zoneMiB: 1 }));
    expect(text).toContain(
      'map $http_x_api_key $limit_one_client {\n        "" $binary_remote_addr;\n        ~, $binary_remote_addr;\n        default $http_x_api_key;\n    }\n',
    );
    expect(text).toContain("geo $limit_one_exempt {\n        default 0;\n        10.0.0.0/8 1;\n        ::1 1;\n    }\n");
    expect(text).toContain('map $limit_one_exempt $limit_one_key {\n        0 $limit_one_client;\n        default "";\n    }\n');
    expect(text).toContain("limit_req_zone $limit_one_key zone=requests_one_a07c5b:1m rate=1r/m;\n");
    expect(text).toContain("limit_req_status 503;\n            set $gateway_wait 60;\n");
  });

  it("count in another zone where they tell clients apart in another way, which nginx takes under no name that it has", () => {
    const zone = (limit: object) => /zone=(requests_one_\w+):/.exec(conf(limited({ rate: "1r/s", ...limit })))?.[1];
    const header = (name: string, exempt: readonly string[] = []) => zone({ by: { header: name }, exempt });
    const keys = [zone({}), zone({ exempt: ["::1"] }), header("X-Api-Key"), header("X-Api-Key", ["::1"]), header("X-Tenant")];
    expect(new Set(keys).size).toBe(keys.length);
    // What may change under one name keeps its counts.
    expect(zone({ rate: "5r/m", burst: 3, zoneMiB: 1 })).toBe(zone({}));
    expect(zone({ exempt: ["::1", "10.0.0.0/8"] })).toBe(zone({ exempt: ["::1"] }));
    expect(header("x-api-key")).toBe(header("X-Api-Key"));
  });

  it("believe only trusted proxies about the client's address, and only on the public port", () => {
    const text = conf({ trustedProxies: ["10.0.0.7", "10.1.0.0/16"] });
    expect(text).toContain(
      "        listen 8080;\n        set_real_ip_from 10.0.0.7;\n        set_real_ip_from 10.1.0.0/16;\n        real_ip_header X-Forwarded-For;\n        real_ip_recursive on;\n",
    );
    expect(text.split("real_ip_header")).toHaveLength(2);
  });

  it("hand on what a trusted proxy says of the client, with its own address behind it, and what nobody else says", () => {
    const text = conf({ trustedProxies: ["10.0.0.7", "10.1.0.0/16"], tiers: { goods: {} } });
    expect(text).toContain(
      "    geo $realip_remote_addr $gateway_by_proxy {\n        default 0;\n        10.0.0.7 1;\n        10.1.0.0/16 1;\n    }\n",
    );
    expect(text).toContain(
      'map "$gateway_by_proxy$http_x_forwarded_for" $gateway_forwarded_for {\n        "~^1." "$http_x_forwarded_for, $realip_remote_addr";\n        default $realip_remote_addr;\n',
    );
    expect(text).toContain("$gateway_scheme {\n        1http http;\n        1https https;\n        default $scheme;\n");
    expect(text).toContain("    proxy_set_header X-Forwarded-For $gateway_forwarded_for;\n");
    expect(text).toContain("    proxy_set_header X-Forwarded-Proto $gateway_scheme;\n");
    // An answer is kept by what its service was told.
    expect(text).toContain('set $gateway_url "$gateway_scheme://$host$request_uri";');
    expect(conf({ tiers: { goods: {} } })).toContain('set $gateway_url "$scheme://$host$request_uri";');
  });

  it("take any regular expression as one word", () => {
    expect(conf(guarded({ path: String.raw`^/a "b"\d{2}$`, match: "regex" }))).toContain(String.raw`location ~ "^/a \"b\"\\d{2}$" {`);
  });

  it("are the same with the engine upsync", () => {
    expect(conf({ ...LOGIN, engine: "upsync" })).toContain("limit_req zone=requests_login_c7b622;");
  });

  it.each<[string, object, string]>([
    ["nothing that it limits", limited({}), "edge.limits.one: must have a rate, connections or both; else it limits nothing"],
    ["a rate of 0", limited({ rate: "0r/s" }), "edge.limits.one.rate: must be a whole number of requests above 0"],
    ["a rate below 0", limited({ rate: "-5r/s" }), "edge.limits.one.rate: must be a whole number of requests above 0"],
    ["half a request", limited({ rate: "0.5r/s" }), "edge.limits.one.rate: must be a whole number of requests above 0"],
    ["a rate by the hour", limited({ rate: "60r/h" }), 'in a second or a minute, as 10r/s or 60r/m, got "60r/h"'],
    ["a rate that is no text", limited({ rate: 60 }), "edge.limits.one.rate: must be a string, got 60"],
    ["a rate above nginx' own", limited({ rate: "100001r/s" }), "edge.limits.one.rate: must be at most 100000 requests in a second"],
    [
      "nodelay without a burst",
      limited({ rate: "1r/s", nodelay: true }),
      "edge.limits.one.nodelay: must be left out where there is no burst",
    ],
    ["a burst below 0", limited({ rate: "1r/s", burst: -1 }), "edge.limits.one.burst: must be 0 to 100000 requests, got -1"],
    ["a burst without a rate", limited({ connections: 1, burst: 1 }), "edge.limits.one.burst: must be left out where there is no rate"],
    ["nodelay without a rate", limited({ connections: 1, nodelay: true }), "edge.limits.one.nodelay: must be left out where there is no"],
    ["no connection", limited({ connections: 0 }), "edge.limits.one.connections: must be 1 to 65535 requests at once, got 0"],
    ["another status", limited({ rate: "1r/s", status: 200 }), "edge.limits.one.status: must be one of 429, 503, got 200"],
    ["no memory", limited({ rate: "1r/s", zoneMiB: 0 }), "edge.limits.one.zoneMiB: must be 1 to 256 MiB"],
    [
      "a header that is none",
      limited({ rate: "1r/s", by: { header: "a b" } }),
      'edge.limits.one.by: must be "address" or the name of a header',
    ],
    ["something else to tell by", limited({ rate: "1r/s", by: "cookie" }), 'edge.limits.one.by: must be "address" or { header: "…" }'],
    ["a name as exempt", limited({ rate: "1r/s", exempt: ["home"] }), "edge.limits.one.exempt[0]: must be an address or a network"],
    [
      "a network too long",
      limited({ rate: "1r/s", exempt: ["10.0.0.0/33"] }),
      "edge.limits.one.exempt[0]: must be an address or a network",
    ],
    [
      "an exempt one twice",
      limited({ rate: "1r/s", exempt: ["::1", "::1"] }),
      "edge.limits.one.exempt[1]: must differ from limits.one.exempt[0], which is the same; keep one of them",
    ],
    ["a proxy by name", { trustedProxies: ["proxy"] }, "edge.trustedProxies[0]: must be an address or a network"],
    [
      "a proxy's network with bits behind its prefix",
      { trustedProxies: ["10.0.0.5/8"] },
      'edge.trustedProxies[0]: must have no bits set behind its prefix; write 10.0.0.0/8 for the network or 10.0.0.5 for the one address, got "10.0.0.5/8"',
    ],
    [
      "a proxy twice, written in two ways",
      { trustedProxies: ["10.0.0.7", "10.0.0.7/32"] },
      'edge.trustedProxies[1]: must differ from trustedProxies[0], which is the same; keep one of them, got "10.0.0.7/32"',
    ],
    [
      "a limit that holds nowhere",
      { limits: { one: { rate: "1r/s" } } },
      "edge.limits.one: must be named by a service, a guarded path or a location in Lua; else it limits nothing",
    ],
    [
      "a name for a limit",
      { ...LOGIN, limits: { login: { rate: "1r/s" }, "a b": { rate: "1r/s" } } },
      "edge.limits.a b: must be 1 to 32 of a-z",
    ],
    [
      "an unknown limit",
      guarded({ limits: ["login", "none"] }),
      "edge.guardedPaths[0].limits[1]: must be the name of a limit; there are login",
    ],
    [
      "a limit of a service where there is none",
      { services: { goods: { path: "/goods/", limits: ["one"] } } },
      'edge.services.goods.limits[0]: must be the name of a limit; there is none, got "one"',
    ],
    ["a limit twice", guarded({ limits: ["login", "login"] }), "edge.guardedPaths[0].limits[1]: is there twice; keep one of them"],
    [
      "a limit that the service has",
      { ...LOGIN, services: { goods: { path: "/goods/", limits: ["login"] } } },
      "edge.guardedPaths[0].limits: must leave out what goods has anyway",
    ],
    [
      "limits of two statuses",
      {
        limits: { a: { rate: "1r/s" }, b: { rate: "1r/s", status: 503 } },
        services: { goods: { path: "/goods/", limits: ["a", "b"] } },
      },
      "edge.services.goods.limits: must all refuse with the same status",
    ],
    [
      "an unknown service",
      guarded({ service: "order" }),
      'edge.guardedPaths[0].service: must be one of the gateway\'s: goods, got "order"',
    ],
    ["a path that ends the block", guarded({ path: "/a;}" }), 'edge.guardedPaths[0].path: must start with "/" and go on in letters'],
    ["a path that no request has", guarded({ path: "//login" }), 'edge.guardedPaths[0].path: must start with "/" and go on in letters'],
    ["cookies to tell by", limited({ rate: "1r/s", by: { header: "cookie" } }), "of which a client can send any number"],
    [
      "an expression of two lines",
      guarded({ match: "regex", path: "^/a\n" }),
      "edge.guardedPaths[0].path: must be a regular expression of",
    ],
    ["a body of nothing", guarded({ maxBodyKiB: 0 }), "edge.guardedPaths[0].maxBodyKiB: must be 1 to 1048576 KiB, got 0"],
    [
      "a path twice",
      { ...LOGIN, guardedPaths: [LOGIN.guardedPaths[0], LOGIN.guardedPaths[0]] },
      "edge.guardedPaths[1].path: must differ from that of guardedPaths[0]",
    ],
    [
      "a service's path",
      guarded({ path: "/goods/" }),
      "edge.guardedPaths[0].path: must differ from the path of goods, which takes limits itself",
    ],
  ])("refuse %s", (_, change, fault) => {
    expect(faultsOf(change).join("\n")).toContain(fault);
  });

  it("in a list is one fault for each mistake", () => {
    for (const trustedProxies of [["proxy"], ["10.0.0.5/8"], ["::1", "0::1"]]) expect(faultsOf({ trustedProxies })).toHaveLength(1);
    // Neither is there twice as well.
    expect(faultsOf({ trustedProxies: ["proxy", "proxy"] })).toHaveLength(2);
    expect(faultsOf({ services: { goods: { path: "/goods/", limits: ["none", "none"] } } })).toHaveLength(2);
  });
});
