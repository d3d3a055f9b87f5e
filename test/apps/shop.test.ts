import { describe, expect, it } from "vitest";
import { encodeFrame } from "../../apps/shop/src/rpc/frame";
import { eventually } from "./support/eventually";
import { FakeConsul } from "./support/fake-consul";
import { freePort, HOST, RawClient, rpcServer } from "./support/net";
import { getJson, startService, postJson } from "./support/shop";

describe("goods", { timeout: 20_000 }, () => {
  it("answers for one and for all of its catalogue, and says who answered", async () => {
    const { httpPort } = await startService("goods");
    const one = await getJson(httpPort, "/goods/1");
    expect(one).toMatchObject({ status: 200, body: { id: 1, name: "Anchor, 5 kg", price: 4990, instance: "goods-1" } });
    expect(one.headers["x-instance"]).toBe("goods-1");
    expect((await getJson(httpPort, "/goods")).body.goods).toHaveLength(8);
  });

  it.each([
    ["/goods/99", 404, { error: "not_found", message: "there are no goods 99" }],
    ["/goods/one", 400, { error: "bad_request", message: 'the id of goods is a whole number, got "one"' }],
    ["/goods/1.5", 400, { error: "bad_request", message: 'the id of goods is a whole number, got "1.5"' }],
    ["/elsewhere", 404, { error: "not_found", message: "there is no GET /elsewhere" }],
  ])("answers GET %s with %i and the reason", async (path, status, body) => {
    const { httpPort } = await startService("goods");
    const answer = await getJson(httpPort, path);
    expect(answer).toMatchObject({ status, body });
    expect(answer.headers["x-instance"]).toBe("goods-1");
  });

  it("answers goods.get on its RPC port", async () => {
    const { rpcPort } = await startService("goods");
    const client = await RawClient.open(rpcPort);
    const get = (params: unknown): void => client.send(encodeFrame({ jsonrpc: "2.0", id: 1, method: "goods.get", params }));
    get({ id: 2 });
    expect(await client.next()).toMatchObject({ result: { id: 2, name: "Mooring line, 20 m", price: 3450, instance: "goods-1" } });
    get({ id: 99 });
    expect(await client.next()).toMatchObject({ error: { code: 404, message: "there are no goods 99" } });
    get({ id: "2" });
    expect(await client.next()).toMatchObject({ error: { code: -32_602, message: 'goods.get takes {"id": <whole number>}' } });
  });
});

describe("order", { timeout: 20_000 }, () => {
  it("fills an order with goods that it finds through Consul, naming both instances", async () => {
    const consul = await FakeConsul.start();
    const goods = await startService("goods", { instance: "goods-7" });
    consul.put(`upstreams/goods-rpc/${HOST}:${goods.rpcPort}`);
    const { httpPort, rpcPort } = await startService("order", { consulUrls: [consul.url] });
    await eventually(() => consul.blockedQueries).toBe(1);

    const order = await getJson(httpPort, "/orders/1");
    expect(order.headers["x-instance"]).toBe("order-1");
    expect(order.body).toEqual({
      id: 1,
      instance: "order-1",
      goods: [
        { id: 1, name: "Anchor, 5 kg", price: 4990, instance: "goods-7", quantity: 1 },
        { id: 2, name: "Mooring line, 20 m", price: 3450, instance: "goods-7", quantity: 2 },
      ],
      total: 11_890,
    });

    const client = await RawClient.open(rpcPort);
    client.send(encodeFrame({ jsonrpc: "2.0", id: 1, method: "order.get", params: { id: 1 } }));
    expect(await client.next()).toMatchObject({ result: order.body });
  });

  it("knows its goods instances when it begins to listen", async () => {
    const consul = await FakeConsul.start();
    const goods = await startService("goods");
    consul.put(`upstreams/goods-rpc/${HOST}:${goods.rpcPort}`);
    const { httpPort } = await startService("order", { consulUrls: [consul.url] });
    expect(await getJson(httpPort, "/orders/1")).toMatchObject({ status: 200 });
  });

  it("takes a login by name, and none without", async () => {
    const { httpPort } = await startService("order", { consulUrls: [] });
    expect(await postJson(httpPort, "/login", { user: "ada" })).toMatchObject({ status: 200, body: { user: "ada", instance: "order-1" } });
    for (const body of [{}, { user: " " }, { user: "x".repeat(101) }, { user: 7 }])
      expect(await postJson(httpPort, "/login", body)).toMatchObject({ status: 400, body: { error: "bad_request" } });
  });

  it("lists its orders and is healthy without goods and without Consul", async () => {
    const { httpPort } = await startService("order", { consulUrls: [`http://${HOST}:${await freePort()}`] });
    expect((await getJson(httpPort, "/orders")).body.orders).toHaveLength(4);
    expect(await getJson(httpPort, "/health")).toMatchObject({
      status: 200,
      body: { status: "ok", service: "order", instance: "order-1" },
    });
    expect(await getJson(httpPort, "/orders/99")).toMatchObject({ status: 404 });
    expect(await getJson(httpPort, "/orders/x")).toMatchObject({ status: 400 });
  });

  it("answers 503 and names what it tried when no goods instance lives", async () => {
    const consul = await FakeConsul.start();
    const dead = await freePort();
    consul.put(`upstreams/goods-rpc/${HOST}:${dead}`);
    const { httpPort } = await startService("order", { consulUrls: [consul.url] });
    await eventually(() => consul.blockedQueries).toBe(1);

    const startedAt = performance.now();
    expect(await getJson(httpPort, "/orders/1")).toMatchObject({
      status: 503,
      body: {
        error: "goods_unavailable",
        message: `no instance of goods-rpc answered: tried ${HOST}:${dead} (the connection was refused)`,
        tried: [{ peer: `${HOST}:${dead}`, fault: "the connection was refused" }],
      },
    });
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });

  it("takes an order and answers with its goods and its total, with nobody to tell where there is no broker", async () => {
    const consul = await FakeConsul.start();
    const goods = await startService("goods", { instance: "goods-7" });
    consul.put(`upstreams/goods-rpc/${HOST}:${goods.rpcPort}`);
    const { httpPort } = await startService("order", { consulUrls: [consul.url] });
    const taken = await postJson(httpPort, "/orders/", { lines: [{ goodsId: 1, quantity: 3 }] });
    expect(taken).toMatchObject({
      status: 201,
      body: { id: expect.stringMatching(/^[0-9a-f-]{36}$/), total: 14_970, goods: [{ id: 1, quantity: 3, instance: "goods-7" }] },
    });
    for (const lines of [undefined, [], [{ goodsId: 1 }], [{ goodsId: 1, quantity: 0 }], [{ goodsId: 1, quantity: "1" }]])
      expect(await postJson(httpPort, "/orders/", { lines })).toMatchObject({ status: 400, body: { error: "bad_request" } });
    expect(await postJson(httpPort, "/orders/", { lines: [{ goodsId: 99, quantity: 1 }] })).toMatchObject({ status: 404 });
    expect(await getJson(httpPort, "/orders/events")).toMatchObject({ status: 404 });
  });

  it("answers 502 when goods itself answers with an error", async () => {
    const consul = await FakeConsul.start();
    const { port } = await rpcServer({});
    consul.put(`upstreams/goods-rpc/${HOST}:${port}`);
    const { httpPort } = await startService("order", { consulUrls: [consul.url] });
    await eventually(() => consul.blockedQueries).toBe(1);
    expect(await getJson(httpPort, "/orders/1")).toMatchObject({ status: 502, body: { error: "goods_failed" } });
  });
});
