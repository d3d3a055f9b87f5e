import { describe, expect, it, onTestFinished } from "vitest";
import { ConsulClient } from "../../apps/shop/src/discovery/consul-client";
import { parseMember, type UpstreamMember } from "../../apps/shop/src/discovery/upstream";
import { UpstreamWatch } from "../../apps/shop/src/discovery/upstream-watch";
import { eventually } from "./support/eventually";
import { FakeConsul } from "./support/fake-consul";
import { freePort, HOST, silentLog } from "./support/net";

const KEY = "upstreams/goods-rpc/10.0.0";

interface Watched {
  /** The ports of the list in force, and of all lists before. */
  readonly lists: string[];
  readonly members: UpstreamMember[][];
}

function watch(...servers: string[]): Watched {
  const watched: Watched = { lists: [], members: [] };
  const onChange = (members: readonly UpstreamMember[]): void => {
    watched.lists.push(members.map(({ host, port }) => `${host}:${port}`).join(" "));
    watched.members.push([...members]);
  };
  const following = new UpstreamWatch(new ConsulClient(servers), "upstreams/goods-rpc", onChange, silentLog);
  following.start();
  onTestFinished(() => following.stop());
  return watched;
}

describe("a watch on an upstream", { timeout: 20_000 }, () => {
  it("reads the list once and then waits for Consul to tell the next one", async () => {
    const consul = await FakeConsul.start();
    consul.put(`${KEY}.1:9090`);
    const watched = watch(consul.url);
    await eventually(() => consul.blockedQueries).toBe(1);
    expect(consul.requests).toEqual([
      "GET /v1/kv/upstreams/goods-rpc/?recurse",
      "GET /v1/kv/upstreams/goods-rpc/?recurse&index=11&wait=30s",
    ]);

    consul.put(`${KEY}.2:9090`);
    await eventually(() => watched.lists).toEqual(["10.0.0.1:9090", "10.0.0.1:9090 10.0.0.2:9090"]);
    consul.delete(`${KEY}.1:9090`);
    await eventually(() => watched.lists.at(-1)).toBe("10.0.0.2:9090");
  });

  it("tells only of lists that differ", async () => {
    const consul = await FakeConsul.start();
    consul.put(`${KEY}.1:9090`);
    const watched = watch(consul.url);
    await eventually(() => consul.blockedQueries).toBe(1);
    consul.put("upstreams/other/10.0.0.9:80");
    await eventually(() => consul.requests.length).toBe(3);
    consul.put(`${KEY}.2:9090`);
    await eventually(() => watched.lists).toEqual(["10.0.0.1:9090", "10.0.0.1:9090 10.0.0.2:9090"]);
  });

  it("keeps the last known list when the list becomes empty", async () => {
    const consul = await FakeConsul.start();
    consul.put(`${KEY}.1:9090`);
    const watched = watch(consul.url);
    await eventually(() => consul.blockedQueries).toBe(1);
    consul.delete(`${KEY}.1:9090`);
    await eventually(() => consul.requests.length).toBe(3);
    consul.put(`${KEY}.2:9090`);
    await eventually(() => watched.lists).toEqual(["10.0.0.1:9090", "10.0.0.2:9090"]);
  });

  it("starts over when the index goes backwards, or it would wait past every change until the old index", async () => {
    const consul = await FakeConsul.start();
    consul.put(`${KEY}.1:9090`);
    const watched = watch(consul.url);
    await eventually(() => consul.blockedQueries).toBe(1);
    consul.changed(3);
    await eventually(() => consul.requests.at(-1)).toContain("index=3&");
    expect(consul.requests.at(-2)).toBe("GET /v1/kv/upstreams/goods-rpc/?recurse");
    consul.put(`${KEY}.2:9090`);
    await eventually(() => watched.lists.at(-1)).toContain("10.0.0.2:9090");
  });

  it.each([0, -1])("does not block on the index %i, which is Consul's mistake", async (index) => {
    const consul = await FakeConsul.start();
    consul.changed(index);
    watch(consul.url);
    await eventually(() => consul.requests.length).toBeGreaterThan(1);
    expect(consul.requests.every((request) => !request.includes("index"))).toBe(true);
  });

  it("passes by servers that are away or have no leader", async () => {
    const leaderless = await FakeConsul.start();
    leaderless.failWith = 500;
    const consul = await FakeConsul.start();
    consul.put(`${KEY}.1:9090`);
    const watched = watch(`http://${HOST}:${await freePort()}`, leaderless.url, consul.url);
    await eventually(() => watched.lists).toEqual(["10.0.0.1:9090"]);
  });

  it("goes on with another server when its own dies, asking without an index first", async () => {
    const [first, second] = [await FakeConsul.start(), await FakeConsul.start()];
    for (const consul of [first, second]) consul.put(`${KEY}.1:9090`);
    const watched = watch(first.url, second.url);
    await eventually(() => first.blockedQueries).toBe(1);
    await first.stop();
    await eventually(() => second.blockedQueries).toBe(1);
    expect(second.requests[0]).toBe("GET /v1/kv/upstreams/goods-rpc/?recurse");
    second.put(`${KEY}.2:9090`);
    await eventually(() => watched.lists).toEqual(["10.0.0.1:9090", "10.0.0.1:9090 10.0.0.2:9090"]);
  });

  it("keeps the last known list while Consul is away and follows it again when it is back", async () => {
    const consul = await FakeConsul.start();
    consul.put(`${KEY}.1:9090`);
    const watched = watch(consul.url);
    await eventually(() => consul.blockedQueries).toBe(1);
    await consul.stop();
    consul.put(`${KEY}.2:9090`);
    await consul.listen();
    await eventually(() => watched.lists).toEqual(["10.0.0.1:9090", "10.0.0.1:9090 10.0.0.2:9090"]);
  });

  it("ignores keys that describe no instance and reads what the others say", async () => {
    const consul = await FakeConsul.start();
    consul.keys.set("upstreams/goods-rpc/", "");
    consul.keys.set("upstreams/goods-rpc/goods-1", "{}");
    consul.keys.set(`${KEY}.1:9090`, "not json");
    consul.put(`${KEY}.2:9090`, '{"weight":5,"max_fails":3,"fail_timeout":20,"down":1,"backup":1}');
    const watched = watch(consul.url);
    await eventually(() => watched.members).toEqual([
      [{ host: "10.0.0.2", port: 9090, weight: 5, maxFails: 3, failTimeoutSeconds: 20, down: true, backup: true }],
    ]);
  });
});

describe("a member's value", { timeout: 20_000 }, () => {
  const usual = { host: "10.0.0.1", port: 80, weight: 1, maxFails: 2, failTimeoutSeconds: 10, down: false, backup: false };

  it.each(["", "{}", '{"weight":0,"max_fails":"many","fail_timeout":-1}'])(
    "counts as the usual one where it says nothing sensible: %j",
    (value) => {
      expect(parseMember("upstreams/goods/10.0.0.1:80", value)).toEqual(usual);
    },
  );
});
