import { describe, expect, it } from "vitest";
import { ConsulClient } from "../../apps/shop/src/discovery/consul-client";
import { SelfRegistration } from "../../apps/shop/src/discovery/self-registration";
import type { Settings } from "../../apps/shop/src/settings";
import { eventually } from "./support/eventually";
import { FakeConsul } from "./support/fake-consul";
import { freePort, HOST, silentLog } from "./support/net";

const itself = { weight: 3, checkInterval: "10s", checkTimeout: "2s" };
const settings: Settings = {
  service: "goods",
  instance: "goods-1",
  listen: { address: "10.0.0.1", httpPort: 8080, rpcPort: 9090 },
  consulUrls: [],
  searchUrls: [],
  upstreamPrefix: "upstreams",
  selfRegistration: itself,
};
const KEYS = ["upstreams/goods/10.0.0.1:8080", "upstreams/goods-rpc/10.0.0.1:9090"];

function registration(...servers: string[]): SelfRegistration {
  return new SelfRegistration(new ConsulClient(servers), { ...settings, consulUrls: servers }, itself, silentLog);
}

describe("an instance that registers itself", { timeout: 20_000 }, () => {
  it("registers its service with a TCP check per port and puts a key per port", async () => {
    const consul = await FakeConsul.start();
    registration(consul.url).start();
    await eventually(() => [...consul.keys.keys()]).toEqual(KEYS);
    expect(new Set(consul.keys.values())).toEqual(new Set(['{"weight":3,"max_fails":2,"fail_timeout":10,"down":0,"backup":0}']));
    expect(consul.services.get("goods-1")).toEqual({
      ID: "goods-1",
      Name: "goods",
      Address: "10.0.0.1",
      Port: 8080,
      Meta: { rpc_port: "9090" },
      Weights: { Passing: 3, Warning: 1 },
      Checks: [
        { CheckID: "goods-1-http", Name: "goods-1 http", TCP: "10.0.0.1:8080", Interval: "10s", Timeout: "2s" },
        { CheckID: "goods-1-rpc", Name: "goods-1 rpc", TCP: "10.0.0.1:9090", Interval: "10s", Timeout: "2s" },
      ],
    });
  });

  it("takes keys and service away when it leaves", async () => {
    const consul = await FakeConsul.start();
    const own = registration(consul.url);
    own.start();
    await eventually(() => consul.keys.size).toBe(2);
    consul.put("upstreams/goods/10.0.0.2:8080");
    await own.leave();
    expect([...consul.keys.keys()]).toEqual(["upstreams/goods/10.0.0.2:8080"]);
    expect(consul.services.size).toBe(0);
  });

  it("deregisters from the server that took it, though another one answers first by then", async () => {
    const port = await freePort();
    const other = await FakeConsul.start();
    const own = registration(`http://${HOST}:${port}`, other.url);
    own.start();
    await eventually(() => other.services.size).toBe(1);
    await FakeConsul.start(port);
    await own.leave();
    expect(other.services.size).toBe(0);
  });

  it("leaves nothing behind when it has to leave while it registers", async () => {
    const consul = await FakeConsul.start();
    const own = registration(consul.url);
    own.start();
    await own.leave();
    expect([...consul.keys.keys(), ...consul.services.keys()]).toEqual([]);
    expect(consul.requests[0]).toContain("/register");
  });

  it("tries again until Consul is there", async () => {
    const port = await freePort();
    registration(`http://${HOST}:${port}`).start();
    const consul = await FakeConsul.start(port);
    await eventually(() => consul.keys.size).toBe(2);
  });

  it("leaves in good time when Consul is away", async () => {
    const own = registration(`http://${HOST}:${await freePort()}`);
    own.start();
    const startedAt = performance.now();
    await own.leave();
    expect(performance.now() - startedAt).toBeLessThan(2_500);
  });
});
