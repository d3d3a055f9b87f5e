import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { type GatewaySettings } from "../../components/nginx-upsync-gateway/gateway-settings";
import { settingsOf } from "./settings";
import type { ConfigError } from "../../components/core/errors";

const GOOD: GatewaySettings = {
  consul: { servers: [{ host: "10.20.0.11", port: 8500 }] },
  services: { goods: { path: "/goods/" } },
};

/** The faults' lines of a gateway whose arguments differ from good ones in this. */
function faults(change: object): string[] {
  try {
    settingsOf("edge", { ...GOOD, ...change });
  } catch (error) {
    return (error as ConfigError).message.split("\n");
  }
  return [];
}

function goods(change: object): object {
  return { services: { goods: { path: "/goods/", ...change } } };
}

/** A gateway with a Redis that differs from a good one in this. */
function redis(change: object): object {
  return { redis: { endpoints: [{ host: "10.20.0.31", port: 6379 }], user: "edge", password: pulumi.secret("sesame"), ...change } };
}

describe("a gateway's arguments", () => {
  it("follow the prefix upstreams every 500 ms with two workers by default", () => {
    expect(settingsOf("edge", GOOD)).toEqual({
      engine: "lua",
      consul: { servers: [{ host: "10.20.0.11", port: 8500 }] },
      services: {
        goods: {
          path: "/goods/",
          fallback: "127.0.0.1:11111",
          strongDependency: false,
          allowEmpty: false,
          keepalive: 64,
          maxTries: 3,
          connectTimeoutMs: 500,
          readTimeoutMs: 60_000,
          limits: [],
        },
      },
      kvPrefix: "upstreams",
      pull: { intervalMs: 500, timeoutSeconds: 360 },
      tiers: {},
      switches: { stores: ["consul"], redisPrefix: "gateway:switch:", consulPrefix: "switches" },
      answerFiles: 1000,
      port: 8080,
      adminPort: 8081,
      workers: 2,
      resolver: "127.0.0.11",
      shutdownTimeoutSeconds: 30,
      lua: { locations: {}, modules: {} },
      modules: ["/usr/lib/nginx/modules/ndk_http_module.so", "/usr/lib/nginx/modules/ngx_http_lua_module.so"],
      metrics: true,
      limits: {},
      guardedPaths: [],
      trustedProxies: [],
      requests: {
        maxBodyKiB: 1024,
        maxHeaderKiB: 8,
        headerTimeoutSeconds: 15,
        bodyTimeoutSeconds: 15,
        sendTimeoutSeconds: 30,
        keepaliveSeconds: 75,
        keepaliveRequests: 1000,
      },
      securityHeaders: {
        contentTypeOptions: "nosniff",
        frameOptions: "DENY",
        referrerPolicy: "strict-origin-when-cross-origin",
        contentSecurityPolicy: null,
        permissionsPolicy: null,
      },
      tls: undefined,
    });
  });

  it("load no module with the engine upsync unless told to", () => {
    expect(settingsOf("edge", { ...GOOD, engine: "upsync" }).modules).toEqual([]);
  });

  it("may hold many services, names of servers and paths at their limits", () => {
    expect(
      faults({
        consul: {
          servers: [
            { host: "consul-1.internal", port: 1 },
            { host: "10.0.0.1", port: 65_535 },
          ],
        },
        services: { goods: { path: "/" }, "order-2": { path: "/order" }, o_3: { path: "/order/v1.2/~x_y-z/" } },
        kvPrefix: "shop/upstreams",
        pull: { intervalMs: 10, timeoutSeconds: 15 },
        workers: 64,
      }),
    ).toEqual([]);
  });

  it("ask for a Redis' primary by the name that a RedisCache has in the samples, over 32 connections at most", () => {
    expect(settingsOf("edge", { ...GOOD, ...redis({}) }).redis).toMatchObject({
      sentinels: [],
      primaryName: "cache",
      connections: 32,
      timeoutMs: 500,
    });
  });

  it("are refused all at once, each with what to do", () => {
    expect(faults({ services: {}, consul: { servers: [] }, port: 80, workers: 0 })).toEqual([
      "edge.port: must be a port from 1024 to 65535, for nginx runs unprivileged; publish it on a lower one, got 80",
      "edge.workers: must be 1 to 64 processes; one for each core is plenty, got 0",
      "edge.consul.servers: must name at least one server; pass the endpoints of a ConsulCluster, got []",
      "edge.services: must hold at least one service; leave the gateway out to have none, got {}",
    ]);
  });

  it.each<[string, object, string]>([
    ["an unknown engine", { engine: "lvs" }, 'edge.engine: must be "lua" or "upsync"; leave it out for "lua", got "lvs"'],
    [
      "a port that is none",
      { port: 70_000 },
      "edge.port: must be a port from 1024 to 65535, for nginx runs unprivileged; publish it on a lower one, got 70000",
    ],
    [
      "an admin port that is none",
      { adminPort: 8081.5 },
      "edge.adminPort: must be a port from 1024 to 65535, for nginx runs unprivileged, got 8081.5",
    ],
    [
      "the same port twice",
      { port: 9000, adminPort: 9000 },
      "edge.adminPort: must differ from port, which clients reach; choose another, got 9000",
    ],
    ["too many workers", { workers: 65 }, "edge.workers: must be 1 to 64 processes; one for each core is plenty, got 65"],
    ["a resolver by name", { resolver: "dns" }, 'edge.resolver: must be the IPv4 address of a DNS server, got "dns"'],
    [
      "no time to leave",
      { shutdownTimeoutSeconds: 0 },
      "edge.shutdownTimeoutSeconds: must be 1 to 3600 seconds; take the longest that a request may last, got 0",
    ],
    [
      "a module that would end the directive",
      { modules: ["a.so; user root"] },
      'edge.modules[0]: must be the path of a .so file in the image, got "a.so; user root"',
    ],
    [
      "a server by URL",
      { consul: { servers: [{ host: "http://c", port: 8500 }] } },
      'edge.consul.servers[0].host: must be a host name or an IPv4 address, got "http://c"',
    ],
    [
      "a server's port",
      { consul: { servers: [{ host: "c", port: 0 }] } },
      "edge.consul.servers[0].port: must be a port from 1 to 65535; Consul's HTTP API is on 8500, got 0",
    ],
    [
      "slashes around the prefix",
      { kvPrefix: "/upstreams/" },
      'edge.kvPrefix: must be letters, digits, ".", "_", "-" and single slashes between them, as "upstreams", got "/upstreams/"',
    ],
    [
      "a long interval",
      { pull: { intervalMs: 501 } },
      "edge.pull.intervalMs: must be 10 to 500 milliseconds: longer and changes are missed, shorter and a Consul that is down is flooded, got 501",
    ],
    [
      "a short timeout",
      { pull: { timeoutSeconds: 10 } },
      "edge.pull.timeoutSeconds: must be 15 to 3600 seconds: a query waits for 10 s when nothing changes, got 10",
    ],
    [
      "a service's name",
      { services: { "Goods;": { path: "/" } } },
      'edge.services.Goods;: must be 1 to 63 of a-z, 0-9, "-" and "_", a letter first: it names the upstream and the keys in Consul, got "Goods;"',
    ],
    [
      "a service by the metrics' word for none",
      { services: { none: { path: "/" } } },
      'edge.services.none: must be another name: by none the metrics tell of requests that are for no service, got "none"',
    ],
    [
      "an empty list that upsync could not take",
      { engine: "upsync", services: { goods: { path: "/goods/", allowEmpty: true } } },
      'edge.services.goods.allowEmpty: must be left out with the engine "upsync", whose module decides about empty lists, got true',
    ],
    [
      "a relative path",
      goods({ path: "goods/" }),
      'edge.services.goods.path: must start with "/" and go on in letters, digits, ".", "_", "~", "-" and "/", without "//", "/./" and "/../", which nginx resolves before it compares, got "goods/"',
    ],
    [
      "a path with a brace",
      goods({ path: "/g {" }),
      'edge.services.goods.path: must start with "/" and go on in letters, digits, ".", "_", "~", "-" and "/", without "//", "/./" and "/../", which nginx resolves before it compares, got "/g {"',
    ],
    [
      "a fallback by name",
      goods({ fallback: "goods:80" }),
      'edge.services.goods.fallback: must be ip:port, as 127.0.0.1:11111; nginx does not wait for names, got "goods:80"',
    ],
    [
      "a fallback's port",
      goods({ fallback: "10.0.0.1:0" }),
      'edge.services.goods.fallback: must be ip:port, as 127.0.0.1:11111; nginx does not wait for names, got "10.0.0.1:0"',
    ],
    ["no connections", goods({ keepalive: 0 }), "edge.services.goods.keepalive: must be 1 to 4096 idle connections in each worker, got 0"],
    ["no tries", goods({ maxTries: 0 }), "edge.services.goods.maxTries: must be 1 to 10; 1 never retries, got 0"],
    [
      "no time to connect",
      goods({ connectTimeoutMs: 0 }),
      "edge.services.goods.connectTimeoutMs: must be 1 to 60000 milliseconds; in one network 500 is long, got 0",
    ],
    [
      "time that is no number",
      goods({ readTimeoutMs: NaN }),
      "edge.services.goods.readTimeoutMs: must be 1 to 3600000 milliseconds; take the slowest answer that is still of use, got NaN",
    ],
    [
      "a Redis where there is no Lua",
      { engine: "upsync", ...redis({}) },
      'edge.redis: must be left out with the engine "upsync", which has no Lua, got "(a Redis)"',
    ],
    [
      "no server of Redis",
      redis({ endpoints: [] }),
      "edge.redis.endpoints: must name a server; pass the endpoints of a RedisCache, got []",
    ],
    [
      "several servers of Redis without Sentinels",
      redis({
        endpoints: [
          { host: "a", port: 1 },
          { host: "b", port: 1 },
        ],
      }),
      "edge.redis.sentinels: must name the Sentinels where there are several servers; pass those of the RedisCache, got []",
    ],
    [
      "a Sentinel by URL",
      redis({ sentinels: [{ host: "redis://a", port: 26_379 }] }),
      'edge.redis.sentinels[0].host: must be a host name or an IPv4 address, got "redis://a"',
    ],
    [
      "a port of Redis that is none",
      redis({ endpoints: [{ host: "a", port: 0 }] }),
      "edge.redis.endpoints[0].port: must be a port from 1 to 65535, got 0",
    ],
    [
      "a primary that has no name",
      redis({ primaryName: "" }),
      "edge.redis.primaryName: must be 1 to 64 letters, digits, '.', '_' and '-', got \"\"",
    ],
    [
      "a user of Redis with a space",
      redis({ user: "a b" }),
      "edge.redis.user: must be 1 to 64 letters, digits, '.', '_' and '-', got \"a b\"",
    ],
    ["no connection to Redis", redis({ connections: 0 }), "edge.redis.connections: must be 1 to 1000 connections of each worker, got 0"],
    [
      "no time for Redis",
      redis({ timeoutMs: 5 }),
      "edge.redis.timeoutMs: must be 10 to 10000 milliseconds: as long a request waits for a Redis that is away, got 5",
    ],
    [
      "a password in clear",
      redis({ password: "sesame" }),
      'edge.redis.password: must be a secret, such as config.requireSecret(...) or pulumi.secret(...), got "(in clear)"',
    ],
    [
      "a path twice",
      { services: { goods: { path: "/shop/" }, order: { path: "/shop/" } } },
      'edge.services.order.path: must differ from that of goods; give each service a path of its own, got "/shop/"',
    ],
  ])("are refused with %s", (_, change, line) => {
    expect(faults(change)).toEqual([line]);
  });
});
