import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { type GatewaySettings } from "../../components/nginx-upsync-gateway/gateway-settings";
import { settingsOf } from "./settings";
import { gatewayFolder } from "../../components/nginx-upsync-gateway/gateway-files";
import { type GatewayConf, renderNginxConf } from "../../components/nginx-upsync-gateway/nginx-conf";

const consul = { servers: [{ host: "10.20.0.11", port: 8500 }] };
const SHOP: GatewaySettings = {
  consul: { servers: [...consul.servers, { host: "10.20.0.12", port: 8500 }] },
  services: {
    order: { path: "/order/", keepalive: 32, maxTries: 2, connectTimeoutMs: 250, readTimeoutMs: 5000, allowEmpty: true },
    goods: { path: "/goods/", fallback: "10.20.0.99:8080", strongDependency: true },
  },
};

const UPSYNC: GatewaySettings = {
  ...SHOP,
  engine: "upsync",
  services: { ...SHOP.services, order: { path: "/order/", keepalive: 32, maxTries: 2, connectTimeoutMs: 250, readTimeoutMs: 5000 } },
};

const REDIS = { endpoints: [{ host: "cache-1", port: 6379 }], user: "edge", password: pulumi.secret("sesame") };

function conf(args: GatewaySettings, adminClients: readonly string[] = ["10.20.0.1"]): GatewayConf {
  return { ...settingsOf("edge", args), adminClients, memoryMiB: 1024 };
}

function golden(file: string): string {
  return readFileSync(join(__dirname, "golden", file), "utf8");
}

describe("the gateway's nginx.conf", () => {
  it("balances in Lua by default", () => {
    expect(renderNginxConf(conf(SHOP))).toBe(golden("lua.conf"));
  });

  it("has the module's own directives with the engine upsync", () => {
    expect(renderNginxConf(conf({ ...UPSYNC, modules: ["modules/ngx_http_upsync_module.so"] }))).toBe(golden("upsync.conf"));
  });

  it("has row for row what the user's nginx had, with the defaults", () => {
    const text = renderNginxConf(conf({ consul, engine: "upsync", services: { test: { path: "/" } } }));
    expect(text).toContain("        server 127.0.0.1:11111;\n");
    expect(text).toContain(
      "upsync 10.20.0.11:8500/v1/kv/upstreams/test/ upsync_timeout=6m upsync_interval=500ms upsync_type=consul strong_dependency=off;\n",
    );
  });

  it("is the same whatever the order of the services", () => {
    const { order, goods } = SHOP.services;
    if (!order || !goods) throw new Error("the sample has both");
    expect(renderNginxConf(conf({ ...SHOP, services: { goods, order } }))).toBe(
      renderNginxConf(conf({ ...SHOP, services: { order, goods } })),
    );
  });

  it("answers 404 where no service is, and nowhere else", () => {
    const served = '        location / {\n            log_by_lua_block { gateway.finish("goods") }\n            proxy_pass http://goods;';
    expect(renderNginxConf(conf({ consul, services: { goods: { path: "/" } } }))).toContain(served);
    expect(renderNginxConf(conf({ consul, services: { goods: { path: "/goods/" } } }))).toContain(
      "        location / {\n            return 404;\n        }\n",
    );
  });

  it("leaves everything that no service has to a guarded path, where one is there for it", () => {
    const guarded = (match?: "exact") => conf({ ...SHOP, guardedPaths: [{ service: "goods", path: "/", match }] });
    // That of the admin pages stays.
    expect(renderNginxConf(guarded()).split("return 404;")).toHaveLength(2);
    expect(renderNginxConf(guarded()).split("location / {")).toHaveLength(3);
    expect(renderNginxConf(guarded("exact")).split("return 404;")).toHaveLength(3);
  });

  it("looks names up only where Consul's servers have names", () => {
    expect(renderNginxConf(conf(SHOP))).not.toContain("resolver");
    const named = conf({ ...SHOP, consul: { servers: [{ host: "consul-1", port: 8500 }] }, resolver: "10.0.0.53" });
    expect(renderNginxConf(named)).toContain("    resolver 10.0.0.53 ipv6=off valid=5s;\n");
  });

  it("has room for what its workers say of Redis where there is one, and looks its name up", () => {
    const text = renderNginxConf(conf({ ...SHOP, redis: REDIS }));
    expect(text).toContain("    lua_shared_dict gateway_redis 64k;\n");
    expect(text).toContain("    resolver 127.0.0.11 ipv6=off valid=5s;\n");
    expect(renderNginxConf(conf(SHOP))).not.toContain("gateway_redis");
  });

  it("opens the admin pages to the container itself and to whom it is told", () => {
    expect(renderNginxConf(conf(SHOP, ["10.20.0.1", "192.168.0.0/24"]))).toContain(
      "        allow 127.0.0.1;\n        allow 10.20.0.1;\n        allow 192.168.0.0/24;\n        deny all;\n",
    );
  });
});

describe("the configuration folder", () => {
  it("holds what the Lua modules are told", () => {
    const settings = JSON.parse(gatewayFolder(conf(SHOP)).files["gateway.json"] ?? "") as Record<string, unknown>;
    expect(settings).toEqual({
      configuration: expect.stringMatching(/^[0-9a-f]{12}$/) as string,
      prefix: "upstreams",
      consul: [
        { host: "10.20.0.11", port: 8500 },
        { host: "10.20.0.12", port: 8500 },
      ],
      intervalMs: 500,
      timeoutSeconds: 360,
      dump: "/var/lib/gateway/upstreams.json",
      unavailable: "unix:/tmp/unavailable.sock",
      metrics: true,
      services: {
        goods: { fallback: "10.20.0.99:8080", strongDependency: true, allowEmpty: false, maxTries: 3 },
        order: { fallback: "127.0.0.1:11111", strongDependency: false, allowEmpty: true, maxTries: 2 },
      },
    });
  });

  it("holds how Redis is reached, and where its password is, not what it is", () => {
    const { files } = gatewayFolder(conf({ ...SHOP, redis: REDIS }));
    expect((JSON.parse(files["gateway.json"] ?? "") as { redis: unknown }).redis).toEqual({
      servers: [{ host: "cache-1", port: 6379 }],
      sentinels: [],
      primaryName: "cache",
      user: "edge",
      passwordFile: "redis.password",
      connections: 32,
      timeoutMs: 500,
    });
    expect(JSON.stringify(files)).not.toContain("sesame");
  });

  it("holds every module that another one asks for", () => {
    const files = gatewayFolder(conf(SHOP)).files;
    const asked = Object.values(files).flatMap((text) =>
      [...text.matchAll(/require "gateway\.([\w.]+)"/g)].map(([, module]) => `lua/gateway/${module?.replace(".", "/")}.lua`),
    );
    const held = Object.keys(files).filter((path) => path.startsWith("lua/"));
    expect([...new Set(asked)].sort()).toEqual(held.sort());
  });

  it("is known by a name that changes with its content only", () => {
    const nameOf = (args: GatewaySettings): unknown =>
      (JSON.parse(gatewayFolder(conf(args)).files["gateway.json"] ?? "") as { configuration: unknown }).configuration;
    expect(nameOf(SHOP)).toBe(nameOf({ ...SHOP }));
    expect(nameOf(SHOP)).not.toBe(nameOf({ ...SHOP, workers: 3 }));
    expect(nameOf(SHOP)).not.toBe(nameOf({ ...SHOP, pull: { timeoutSeconds: 120 } }));
  });

  it("is nginx.conf alone with the engine upsync", () => {
    expect(Object.keys(gatewayFolder(conf(UPSYNC)).files)).toEqual(["nginx.conf"]);
  });
});
