import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import type { GatewaySettings } from "../../components/nginx-upsync-gateway/gateway-settings";
import { sharedMiB } from "../../components/nginx-upsync-gateway/memory";
import { renderNginxConf } from "../../components/nginx-upsync-gateway/nginx-conf";
import { settingsOf } from "./settings";

const SHOP: GatewaySettings = { consul: { servers: [{ host: "10.20.0.11", port: 8500 }] }, services: { goods: { path: "/goods/" } } };
const TLS = { tls: { certificate: pulumi.secret("certificate"), key: pulumi.secret("key") } };
const TIERS = {
  tiers: { goods: { rate: 50, capacity: 1000 } },
  redis: { endpoints: [{ host: "10.20.0.31", port: 6379 }], user: "edge", password: pulumi.secret("sesame") },
};
const echo = (maxBodyKiB: number) => ({ path: "/echo", code: "return function() end", maxBodyKiB });

function conf(memoryMiB: number, more: Partial<GatewaySettings> = {}) {
  return { ...settingsOf("edge", { ...SHOP, ...more }), adminClients: [], memoryMiB };
}

/** Numbers that nginx is given for what may be at once. */
function bound(what: RegExp, memoryMiB: number, more: Partial<GatewaySettings> = {}): number | undefined {
  const [, number] = what.exec(renderNginxConf(conf(memoryMiB, more))) ?? [];
  return number === undefined ? undefined : Number(number);
}

const CONNECTIONS = /worker_connections (\d+);/;
const HTTP2 = /limit_conn gateway_http2 (\d+);/;
const IN_LUA = /limit_conn gateway_lua_echo (\d+);/;

describe("what a gateway takes at once", () => {
  it("are connections that have room in its memory, whatever each takes", () => {
    const all = (more?: Partial<GatewaySettings>) => [128, 256, 1024].map((memoryMiB) => bound(CONNECTIONS, memoryMiB, more));
    expect(all()).toEqual([489, 1202, 4096]);
    expect(all({ workers: 4 })).toEqual([178, 534, 2671]);
    expect(all({ requests: { maxHeaderKiB: 64 } })).toEqual([142, 349, 1594]);
    expect(all(TIERS)).toEqual([119, 665, 3942]);
  });

  it("are requests by HTTP/2 in that memory's other half, whatever connections they share", () => {
    expect(bound(HTTP2, 1024)).toBeUndefined();
    expect(bound(HTTP2, 1024, { tls: { ...TLS.tls, http2: false } })).toBeUndefined();
    expect([bound(CONNECTIONS, 1024, TLS), bound(HTTP2, 1024, TLS)]).toEqual([2149, 4299]);
    expect(renderNginxConf(conf(1024, TLS))).toContain("limit_conn_zone $http2 zone=gateway_http2:32k;");
  });

  it("are requests of a location in Lua whose bodies have room in an eighth of it, twice, beside those of other locations", () => {
    const locations = (...sizes: number[]) => ({
      lua: {
        locations: Object.fromEntries(
          sizes.map((size, index) => [index === 0 ? "echo" : `other${index}`, { ...echo(size), path: `/echo${index}` }]),
        ),
      },
    });
    expect(bound(IN_LUA, 1024, locations(16))).toBeUndefined();
    expect(bound(IN_LUA, 1024, locations(64))).toBe(1024);
    expect(bound(IN_LUA, 1024, locations(64, 1024, 16))).toBe(512);
    expect(bound(CONNECTIONS, 128, locations(64))).toBe(400);
  });

  it("count all zones that the configuration asks for", () => {
    const limits = { login: { rate: "1r/s", connections: 2 }, keys: { connections: 2, zoneMiB: 3 } } as const;
    const held = { services: { goods: { path: "/goods/", limits: ["login", "keys"] } } };
    for (const more of [
      {},
      TLS,
      TIERS,
      { ...held, limits },
      { ...TLS, ...TIERS, ...held, limits, lua: { locations: { echo: echo(64) } } },
    ]) {
      const text = renderNginxConf(conf(1024, more));
      const sizes = [...text.matchAll(/(?:lua_shared_dict \w+ |zone=\w+:|shared:\w+:)(\d+)([km])/g)];
      const asked = sizes.reduce((sum, [, size, unit]) => sum + Number(size) / (unit === "k" ? 1024 : 1), 0);
      const counted = sharedMiB(conf(1024, more));
      expect(counted).toBeGreaterThanOrEqual(asked);
      expect(counted - asked).toBeLessThan(3);
    }
  });
});
