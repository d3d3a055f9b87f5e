import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { DatabaseError } from "../../apps/shop/src/database/database";
import type { Goods, GoodsDraft, WritableGoodsStore } from "../../apps/shop/src/goods/goods";
import { goodsRoutes, type GoodsDesk } from "../../apps/shop/src/goods/goods-http";
import { GoodsSearch } from "../../apps/shop/src/goods/goods-search";
import { ReadThroughGoods, type GoodsCache } from "../../apps/shop/src/goods/read-through";
import { HttpServer } from "../../apps/shop/src/http/server";
import { freePort, HOST, silentLog } from "./support/net";
import { getJson, sendJson } from "./support/shop";

/** A store in memory that counts how often it is asked for one article. */
class Shelf implements WritableGoodsStore {
  asked = 0;
  private readonly goods = new Map<number, Goods>([[1, { id: 1, name: "Fender", price: 1890 }]]);

  async find(id: number): Promise<Goods | undefined> {
    this.asked++;
    return this.goods.get(id);
  }

  async list(after: number): Promise<readonly Goods[]> {
    return [...this.goods.values()].filter(({ id }) => id > after);
  }

  async add(draft: GoodsDraft): Promise<Goods> {
    const added = { id: this.goods.size + 1, ...draft };
    this.goods.set(added.id, added);
    return added;
  }

  async change(id: number, draft: GoodsDraft): Promise<Goods | undefined> {
    if (!this.goods.has(id)) return undefined;
    this.goods.set(id, { id, ...draft });
    return this.goods.get(id);
  }
}

class Memory implements GoodsCache {
  readonly kept = new Map<number, Goods>();
  readonly known = new Set([1]);
  broken = false;

  private async answer<T>(value: () => T): Promise<T> {
    if (this.broken) throw new Error("no cache");
    return value();
  }

  mayExist(id: number): Promise<boolean> {
    return this.answer(() => this.known.has(id));
  }

  get(id: number): Promise<Goods | undefined> {
    return this.answer(() => this.kept.get(id));
  }

  fill(goods: Goods): Promise<void> {
    return this.answer(() => void (this.kept.has(goods.id) || this.kept.set(goods.id, goods)));
  }

  put(goods: Goods): Promise<void> {
    return this.answer(() => void this.kept.set(goods.id, goods));
  }

  async note(ids: readonly number[]): Promise<void> {
    for (const id of ids) this.known.add(id);
  }

  async close(): Promise<void> {
    this.kept.clear();
  }
}

function readThrough() {
  const [shelf, cache] = [new Shelf(), new Memory()];
  return { shelf, cache, goods: new ReadThroughGoods(shelf, cache, silentLog) };
}

async function serve(desk: GoodsDesk): Promise<number> {
  const server = new HttpServer({ service: "goods", instance: "goods-1", routes: goodsRoutes("goods-1", desk), log: silentLog });
  const { port } = await server.listen(HOST, 0);
  onTestFinished(() => server.drain());
  return port;
}

/** A search node that answers every search with one body and status, and keeps what it was asked. */
async function searchNode(status: number, answer: unknown): Promise<{ url: string; asked: unknown[] }> {
  const asked: unknown[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      asked.push({ path: request.url, ...(JSON.parse(body) as object) });
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(answer));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, HOST, resolve));
  onTestFinished(() => void server.close());
  return { url: `http://${HOST}:${(server.address() as AddressInfo).port}`, asked };
}

describe("goods that are read through", () => {
  it("ask the store once for what is there, and never for what the filter knows to be absent", async () => {
    const { shelf, goods } = readThrough();
    for (let turn = 0; turn < 3; turn++) {
      expect(await goods.find(1)).toMatchObject({ name: "Fender" });
      expect(await goods.find(2)).toBeUndefined();
    }
    expect(shelf.asked).toBe(1);
  });

  it("are found at once when they were added, and are those that were written", async () => {
    const { goods } = readThrough();
    await goods.find(1);
    const { id } = await goods.add({ name: "Cleat", price: 700 });
    expect(await goods.find(id)).toEqual({ id, name: "Cleat", price: 700 });
    await goods.change(1, { name: "Fender, large", price: 2890 });
    expect(await goods.find(1)).toEqual({ id: 1, name: "Fender, large", price: 2890 });
    expect(await goods.change(99, { name: "Nothing", price: 1 })).toBeUndefined();
  });

  it("keep what was written over what a replica that lags behind says", async () => {
    const { shelf, cache, goods } = readThrough();
    const stale = (await shelf.find(1))!;
    await goods.change(1, { name: "Fender, large", price: 2890 });
    await cache.fill(stale);
    expect(await goods.find(1)).toMatchObject({ name: "Fender, large" });
  });

  it("come from the store while the cache is away", async () => {
    const { shelf, cache, goods } = readThrough();
    cache.broken = true;
    expect(await goods.find(1)).toMatchObject({ name: "Fender" });
    expect(await goods.find(2)).toBeUndefined();
    expect(await goods.change(1, { name: "Fender, large", price: 2890 })).toMatchObject({ price: 2890 });
    expect(shelf.asked).toBe(2);
  });
});

describe("goods over HTTP", { timeout: 20_000 }, () => {
  it("are listed, added and changed", async () => {
    const shelf = new Shelf();
    const port = await serve({ store: shelf, writable: shelf });
    const added = await sendJson("POST", port, "/goods/", { name: "Cleat", price: 700 });
    expect(added).toMatchObject({ status: 201, body: { id: 2, name: "Cleat", price: 700, instance: "goods-1" } });
    expect(await sendJson("PUT", port, "/goods/2", { name: "Cleat", price: 800 })).toMatchObject({ status: 200, body: { price: 800 } });
    expect(await sendJson("PUT", port, "/goods/99", { name: "Cleat", price: 800 })).toMatchObject({ status: 404 });
    expect((await getJson(port, "/goods?after=1")).body.goods).toEqual([{ id: 2, name: "Cleat", price: 800 }]);
    expect(await getJson(port, "/goods?after=x")).toMatchObject({ status: 400 });
  });

  it.each([
    {},
    { name: "", price: 1 },
    { name: "x".repeat(201), price: 1 },
    { name: "Cleat", price: -1 },
    { name: "Cleat", price: 1.5 },
    { name: "Cleat" },
  ])("are refused as %j", async (draft) => {
    const shelf = new Shelf();
    const port = await serve({ store: shelf, writable: shelf });
    expect(await sendJson("POST", port, "/goods/", draft)).toMatchObject({ status: 400, body: { error: "bad_request" } });
    expect(await shelf.list(1)).toEqual([]);
  });

  it("say what is missing where there is no database and no search engine", async () => {
    const port = await serve({ store: new Shelf() });
    expect(await sendJson("POST", port, "/goods/", { name: "Cleat", price: 700 })).toMatchObject({ status: 404 });
    expect(await getJson(port, "/goods/search?q=cleat")).toMatchObject({ status: 404 });
  });

  it("say that the database does not answer, and whether the write may have been done", async () => {
    const store = new Shelf();
    store.add = async () => {
      throw new DatabaseError("10.0.0.1:3306: the connection was lost", "unknown");
    };
    const port = await serve({ store, writable: store });
    const { status, body } = await sendJson("POST", port, "/goods/", { name: "Cleat", price: 700 });
    expect({ status, body }).toMatchObject({ status: 503, body: { error: "database_unavailable", executed: "unknown" } });
    expect(body.message).toContain("may have been done");
  });
});

describe("a search", { timeout: 20_000 }, () => {
  const answer = { hits: { total: { value: 41 }, hits: [{ _source: { id: 6, name: "Deck lantern", price: 2750, extra: 1 } }] } };

  it("asks the next node when one does not answer, and stays with that", async () => {
    const [full, well] = [await searchNode(429, { error: "full" }), await searchNode(200, answer)];
    const search = new GoodsSearch([`http://${HOST}:${await freePort()}`, full.url, well.url], "goods", silentLog);
    const port = await serve({ store: new Shelf(), search });
    for (let turn = 0; turn < 2; turn++)
      expect((await getJson(port, "/goods/search?q=deck%20lan")).body).toEqual({
        instance: "goods-1",
        total: 41,
        goods: [{ id: 6, name: "Deck lantern", price: 2750 }],
      });
    expect(full.asked).toHaveLength(1);
    expect(well.asked[0]).toMatchObject({
      path: "/goods/_search?allow_partial_search_results=false",
      query: { match_bool_prefix: { name: { query: "deck lan" } } },
    });
  });

  it.each(["", "?q=", "?q=%20", `?q=${"x".repeat(201)}`, "?q=a&q=b"])("is refused as %j", async (query) => {
    const port = await serve({ store: new Shelf(), search: new GoodsSearch([], "goods", silentLog) });
    expect(await getJson(port, `/goods/search${query}`)).toMatchObject({ status: 400 });
  });

  it("names every node that it tried", async () => {
    const [dead, broken] = [`http://${HOST}:${await freePort()}`, await searchNode(500, { error: "broken" })];
    const port = await serve({ store: new Shelf(), search: new GoodsSearch([dead, broken.url], "goods", silentLog) });
    const { status, body } = await getJson(port, "/goods/search?q=a");
    expect({ status, body }).toMatchObject({ status: 503, body: { error: "search_unavailable" } });
    expect((body.tried as { node: string }[]).map(({ node }) => node)).toEqual([dead, broken.url]);
  });
});
