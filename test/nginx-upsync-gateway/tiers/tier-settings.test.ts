import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import type { ConfigError } from "../../../components/core/errors";
import { gatewayFolder } from "../../../components/nginx-upsync-gateway/gateway-files";
import type { GatewaySettings } from "../../../components/nginx-upsync-gateway/gateway-settings";
import { renderNginxConf } from "../../../components/nginx-upsync-gateway/nginx-conf";
import { settingsOf } from "../settings";

const redis = { endpoints: [{ host: "10.20.0.31", port: 6379 }], user: "gateway", password: pulumi.secret("x") };
const GOOD: GatewaySettings = {
  consul: { servers: [{ host: "10.20.0.11", port: 8500 }] },
  services: { goods: { path: "/goods/" }, order: { path: "/order/" } },
  redis,
  tiers: { goods: {} },
};

function faults(change: object): string[] {
  try {
    settingsOf("edge", { ...GOOD, ...change });
  } catch (error) {
    return (error as ConfigError).message.split("\n");
  }
  return [];
}

const goods = (settings: object) => ({ tiers: { goods: settings } });

describe("a gateway's tiers", () => {
  it("are those of a bucket of 50/s and 1000 by default, with switches in both stores", () => {
    expect(settingsOf("edge", GOOD)).toMatchObject({
      tiers: {
        goods: {
          rate: 50,
          capacity: 1000,
          key: "location",
          together: false,
          delays: { service: 1, cache: 7, static: 19 },
          circuit: { windowSeconds: 10, minimumRequests: 20, errorRate: 0.5, slowMs: 2000, slowRate: 0.5, openSeconds: 5, probes: 3 },
          fill: { maxKiB: 64, refreshSeconds: 5, cacheSeconds: 3600, staticSeconds: 86_400 },
          empty: { status: 204, type: "application/json", body: "" },
          personalHeaders: [],
        },
      },
      switches: { stores: ["redis", "consul"], redisPrefix: "gateway:switch:", consulPrefix: "switches" },
      answerFiles: 1000,
    });
  });

  it("do with Consul's switches alone, without a Redis", () => {
    expect(settingsOf("edge", { ...GOOD, redis: undefined }).switches.stores).toEqual(["consul"]);
  });

  it("may be at their limits", () => {
    expect(
      faults(goods({ rate: 10, capacity: 190, delays: { service: 0, cache: 0.1, static: 19 }, empty: { status: 503, body: "{}" } })),
    ).toEqual([]);
  });

  it.each<[string, object, string]>([
    ["no rate", goods({ rate: 0 }), "edge.tiers.goods.rate: must be more than 0 and at most 1000000 requests a second, got 0"],
    ["a rate below none", goods({ rate: -1 }), "edge.tiers.goods.rate: must be more than 0 and at most 1000000 requests a second, got -1"],
    ["half a place", goods({ rate: 0.001, capacity: 0.5 }), "edge.tiers.goods.capacity: must be 1 to 100000000 whole requests, got 0.5"],
    [
      "tiers that do not rise",
      goods({ delays: { service: 7 } }),
      'edge.tiers.goods.delays: must rise from service over cache to static, from 0 seconds on, got {"service":7,"cache":7,"static":19}',
    ],
    [
      "a negative delay",
      goods({ delays: { service: -1 } }),
      'edge.tiers.goods.delays: must rise from service over cache to static, from 0 seconds on, got {"service":-1,"cache":7,"static":19}',
    ],
    [
      "a tier beyond the capacity",
      goods({ capacity: 900 }),
      "edge.tiers.goods.delays.static: must be at most 18 seconds, in which the rate empties the full bucket; raise capacity, or lower the delay, got 19",
    ],
    ["a service that is not there", { tiers: { good: {} } }, 'edge.tiers.good: must be one of the services, goods, order, got "good"'],
    [
      "no store of switches",
      { switches: { stores: [] } },
      'edge.switches.stores: must name "redis", "consul" or both: without a store nobody could throw a switch, got []',
    ],
    [
      "an unknown store",
      { switches: { stores: ["etcd"] } },
      'edge.switches.stores: must name nothing but "redis" and "consul", got ["etcd"]',
    ],
    [
      "switches in a Redis that is not there",
      { redis: undefined, switches: { stores: ["redis"] } },
      'edge.switches.stores: must not name "redis" without one; give the gateway a redis, or use "consul", got ["redis"]',
    ],
    [
      "a prefix in a Redis that is not read",
      { switches: { stores: ["consul"], redisPrefix: "a:" } },
      'edge.switches.redisPrefix: must be left out where the stores of switches are without "redis", got "a:"',
    ],
    [
      "switches among the instances",
      { switches: { consulPrefix: "upstreams" } },
      'edge.switches.consulPrefix: must be apart from kvPrefix, whose keys are the services\' instances, got "upstreams"',
    ],
    [
      "switches among those of one service",
      { switches: { consulPrefix: "upstreams/goods" } },
      'edge.switches.consulPrefix: must be apart from kvPrefix, whose keys are the services\' instances, got "upstreams/goods"',
    ],
    [
      "a folder with a slash",
      { switches: { consulPrefix: "/a" } },
      'edge.switches.consulPrefix: must be letters, digits, ".", "_", "-" and single slashes between them, as "upstreams", got "/a"',
    ],
    [
      "a prefix with a space",
      { switches: { redisPrefix: "a b" } },
      "edge.switches.redisPrefix: must be 1 to 128 letters, digits, '_', '.', ':' and '-', as \"gateway:switch:\", got \"a b\"",
    ],
    [
      "the engine upsync",
      { engine: "upsync", redis: undefined },
      'edge.tiers: must be left out with the engine "upsync", which has no Lua; use the engine "lua", got ["goods"]',
    ],
    [
      "a shared bucket without a Redis",
      { redis: undefined, tiers: { goods: { together: true } } },
      "edge.tiers.goods.together: must be left out without a redis, through which gateways share a bucket, got true",
    ],
    ["no files", { answerFiles: 0 }, "edge.answerFiles: must be 1 to 100000 files, got 0"],
    [
      "a window of parts",
      goods({ circuit: { windowSeconds: 0.5 } }),
      "edge.tiers.goods.circuit.windowSeconds: must be 1 to 60 whole seconds, got 0.5",
    ],
    [
      "no requests to judge by",
      goods({ circuit: { minimumRequests: 0 } }),
      "edge.tiers.goods.circuit.minimumRequests: must be 1 to 1000000 whole requests, got 0",
    ],
    [
      "no share of errors",
      goods({ circuit: { errorRate: 0 } }),
      "edge.tiers.goods.circuit.errorRate: must be above 0 and at most 1: 0.5 is every other request, got 0",
    ],
    [
      "a share in percent",
      goods({ circuit: { slowRate: 50 } }),
      "edge.tiers.goods.circuit.slowRate: must be above 0 and at most 1: 0.5 is every other request, got 50",
    ],
    [
      "no time that is slow",
      goods({ circuit: { slowMs: 0 } }),
      "edge.tiers.goods.circuit.slowMs: must be 1 to 3600000 milliseconds, got 0",
    ],
    [
      "no time open",
      goods({ circuit: { openSeconds: 0 } }),
      "edge.tiers.goods.circuit.openSeconds: must be above 0 and at most 3600 seconds, got 0",
    ],
    ["no probes", goods({ circuit: { probes: 0 } }), "edge.tiers.goods.circuit.probes: must be 1 to 100 probes, got 0"],
    ["answers without end", goods({ fill: { maxKiB: 4096 } }), "edge.tiers.goods.fill.maxKiB: must be 1 to 1024 KiB, got 4096"],
    [
      "no time between two",
      goods({ fill: { refreshSeconds: 0 } }),
      "edge.tiers.goods.fill.refreshSeconds: must be above 0 and at most 86400 seconds, got 0",
    ],
    [
      "a time in parts in Redis",
      goods({ fill: { cacheSeconds: 1.5 } }),
      "edge.tiers.goods.fill.cacheSeconds: must be 1 to 31536000 whole seconds, got 1.5",
    ],
    [
      "files for no time",
      goods({ fill: { staticSeconds: 0 } }),
      "edge.tiers.goods.fill.staticSeconds: must be 1 to 31536000 whole seconds, got 0",
    ],
    [
      "a redirect for nothing",
      goods({ empty: { status: 302 } }),
      "edge.tiers.goods.empty.status: must be 200 to 299 or 400 to 599, as 204 or 503, and none of 205, 206, 444, 494, 495, 496, 497, 498, 499, which are not for such an answer or nginx' own, got 302",
    ],
    ...[205, 444, 499].map((status): [string, object, string] => [
      `an answer that is none, by ${status}`,
      goods({ empty: { status } }),
      `edge.tiers.goods.empty.status: must be 200 to 299 or 400 to 599, as 204 or 503, and none of 205, 206, 444, 494, 495, 496, 497, 498, 499, which are not for such an answer or nginx' own, got ${status}`,
    ]),
    [
      "a type that is none",
      goods({ empty: { type: "json" } }),
      'edge.tiers.goods.empty.type: must be a media type, as "application/json", got "json"',
    ],
    [
      "a body where none can be",
      goods({ empty: { body: "{}" } }),
      'edge.tiers.goods.empty.body: must be left out with the status 204, which has none, got "{}"',
    ],
    [
      "files without tiers",
      { tiers: {}, answerFiles: 10 },
      "edge.answerFiles: must be left out without tiers, for which alone it is, got 10",
    ],
    [
      "switches without tiers",
      { tiers: {}, switches: { consulPrefix: "switches" } },
      'edge.switches: must be left out without tiers, for which alone it is, got {"consulPrefix":"switches"}',
    ],
    [
      "a filter without a Redis",
      { redis: undefined, tiers: { goods: { filter: { name: "a", pattern: "(.)", filledKey: "b" } } } },
      'edge.tiers.goods.filter: must be left out without a redis, which holds it, got "a"',
    ],
    [
      "a pattern without a group",
      goods({ filter: { name: "a", pattern: "^/goods/", filledKey: "b" } }),
      'edge.tiers.goods.filter.pattern: must be a regular expression with a group for the item, as ^/goods/([0-9]+)$, got "^/goods/"',
    ],
    [
      "a pattern that is none",
      goods({ filter: { name: "a", pattern: "([", filledKey: "b" } }),
      'edge.tiers.goods.filter.pattern: must be a regular expression with a group for the item, as ^/goods/([0-9]+)$, got "(["',
    ],
    [
      "a filter whose parentheses are no group",
      goods({ filter: { name: "a", pattern: String.raw`^/goods/\(x\)$`, filledKey: "b" } }),
      String.raw`edge.tiers.goods.filter.pattern: must be a regular expression with a group for the item, as ^/goods/([0-9]+)$, got "^/goods/\\(x\\)$"`,
    ],
    [
      "a filter by a bad name",
      goods({ filter: { name: "a b", pattern: "(.)", filledKey: "b" } }),
      "edge.tiers.goods.filter.name: must be 1 to 128 letters, digits, '_', '.', ':' and '-', got \"a b\"",
    ],
    [
      "a header that is none",
      goods({ personalHeaders: ["X-Tenant", "X Tenant"] }),
      'edge.tiers.goods.personalHeaders[1]: must be the name of a header in letters, digits and "-", got "X Tenant"',
    ],
    [
      "a bad key of its filling",
      goods({ filter: { name: "a", pattern: "(.)", filledKey: "" } }),
      "edge.tiers.goods.filter.filledKey: must be 1 to 128 letters, digits, '_', '.', ':' and '-', got \"\"",
    ],
  ])("are refused with %s", (_, change, line) => {
    expect(faults(change)).toEqual([line]);
  });
});

describe("a filter's pattern", () => {
  it.each([
    String.raw`(?i)^/goods/(\d+)$`,
    "^/goods/(?P<id>[0-9]+)$",
    "^/goods/(?<id>[0-9]+)$",
    "^/goods/([0-9]++)$",
    "^/([[:alpha:])]+)$",
  ])("may be what nginx has: %s", (pattern) => {
    expect(faults(goods({ filter: { name: "a", pattern, filledKey: "b" } }))).toEqual([]);
  });

  it.each(["^/(?:a)$", "(?i)^/a$", "^/(?<=a)b$", "^/(?!a)b$", "^/[(]a[)]$", "^/(a", "(*UTF)a"])("needs a group: %s", (pattern) => {
    expect(faults(goods({ filter: { name: "a", pattern, filledKey: "b" } }))).toHaveLength(1);
  });
});

describe("the configuration of tiers", () => {
  const conf = (change: object = {}) => ({ ...settingsOf("edge", { ...GOOD, ...change }), adminClients: [], memoryMiB: 512 });

  it("is in their location alone, and its log", () => {
    const text = renderNginxConf(conf());
    expect(text.match(/access_by_lua_block .*/g)).toEqual(['access_by_lua_block { gateway.tiers.access("goods") }']);
    expect(text).toContain('"ended":$msec,"tier":"$gateway_tier"}');
    expect(text).toContain(
      "    lua_shared_dict gateway_tiers 8m;\n    lua_shared_dict gateway_fills 16m;\n    lua_shared_dict gateway_marks 4m;\n",
    );
    expect(text).toContain("location = /__gateway/tiers {");
    expect(text.match(/proxy_ignore_headers .*/g)).toEqual(["proxy_ignore_headers X-Accel-Redirect;"]);
    // A service's own word for it is none.
    expect(text).toContain("proxy_hide_header X-Gateway-Tier;");
    expect(text).toContain("add_header X-Gateway-Tier $gateway_tier always;");
  });

  it("is nowhere without them", () => {
    const text = renderNginxConf(conf({ tiers: {} }));
    expect(text).not.toMatch(/tier|gateway_fills|gateway_marks/);
  });

  it("tells the Lua modules what there is, in their own units", () => {
    const filter = { name: "goods:known", pattern: "^/goods/(\\d+)$", filledKey: "goods:filled", bloom: "module" };
    const { tiers } = JSON.parse(
      gatewayFolder(conf(goods({ filter, circuit: { slowMs: 500 }, fill: { maxKiB: 2 } }))).files["gateway.json"] ?? "",
    ) as {
      tiers: unknown;
    };
    expect(tiers).toEqual({
      switches: {
        stores: ["redis", "consul"],
        names: ["goods"],
        redisPrefix: "gateway:switch:",
        consulPrefix: "switches",
        consul: [{ host: "10.20.0.11", port: 8500 }],
      },
      files: { folder: "/var/lib/gateway/answers", files: 1000 },
      http2: false,
      locations: {
        goods: {
          key: "location",
          bucket: { rate: 50, capacity: 1000, together: false, service: 1, cache: 7, static: 19 },
          circuit: {
            windowSeconds: 10,
            minimumRequests: 20,
            errorRate: 0.5,
            slowRate: 0.5,
            slowSeconds: 0.5,
            openSeconds: 5,
            probes: 3,
            probeSeconds: 61,
          },
          fill: { maxBytes: 2048, refreshSeconds: 5, cacheSeconds: 3600, staticSeconds: 86_400 },
          filter: { name: "goods:known", pattern: "^/goods/(\\d+)$", filledKey: "goods:filled", command: ["BF.EXISTS"] },
          empty: { status: 204, type: "application/json", body: "" },
          personal: ["authorization", "proxy-authorization", "cookie", "x-api-key"],
        },
      },
    });
  });

  it("names the headers that say who asks: the usual ones, those of limits and the user's own, each once", () => {
    const limits = { keys: { by: { header: "X-Client-Key" }, rate: "10r/s" }, api: { by: { header: "x-api-key" }, rate: "10r/s" } };
    const services = { goods: { path: "/goods/", limits: ["keys", "api"] } };
    const given = conf({ services, limits, tiers: { goods: { personalHeaders: ["X-Tenant", "Cookie"] } } });
    const { tiers } = JSON.parse(gatewayFolder(given).files["gateway.json"] ?? "") as {
      tiers: { locations: { goods: { personal: string[] } } };
    };
    expect(tiers.locations.goods.personal).toEqual([
      "authorization",
      "proxy-authorization",
      "cookie",
      "x-api-key",
      "x-client-key",
      "x-tenant",
    ]);
  });
});
