import { DatabaseError } from "../database/database";
import { HttpError, readId } from "../http/errors";
import type { HttpRoutes } from "../http/server";
import { isRecord } from "../rpc/message";
import type { GoodsDraft, GoodsStore, WritableGoodsStore } from "./goods";
import { SearchError, type GoodsSearch } from "./goods-search";

const LONGEST_NAME = 200;
const HIGHEST_PRICE = 1_000_000_000;
const LONGEST_QUERY = 200;

/** What an instance answers from. */
export interface GoodsDesk {
  readonly store: GoodsStore;
  /** Absent where the goods are not in a database. */
  readonly writable?: WritableGoodsStore;
  /** Absent where there is no search engine. */
  readonly search?: GoodsSearch;
}

/**
 * `GET /goods`, a page of them behind the id `?after=`, `GET /goods/:id`, `GET /goods/search?q=`, `POST /goods/` and `PUT /goods/:id`.
 */
export function goodsRoutes(instance: string, { store, writable, search }: GoodsDesk): HttpRoutes {
  return (app) => {
    const list = async ({ query }: { query: { after?: string } }) => ({
      instance,
      goods: await answered(store.list(readId("goods to begin behind", query.after ?? "0"))),
    });
    app.get<{ Querystring: { after?: string } }>("/goods", list);
    app.get<{ Querystring: { after?: string } }>("/goods/", list);

    app.get<{ Querystring: { q?: string | string[] } }>("/goods/search", async ({ query }) => {
      if (search === undefined) throw new HttpError(404, "not_found", "nothing is searched here: there is no search engine");
      const { q } = query;
      if (typeof q !== "string" || q.trim() === "" || q.length > LONGEST_QUERY)
        throw new HttpError(400, "bad_request", `a search is ?q= and 1 to ${LONGEST_QUERY} characters, like /goods/search?q=lantern`);
      return { instance, ...(await answered(search.search(q))) };
    });

    app.get<{ Params: { id: string } }>("/goods/:id", async ({ params }) => {
      const id = readId("goods", params.id);
      return { ...found(id, await answered(store.find(id))), instance };
    });

    app.post("/goods/", async ({ body }, reply) => {
      const goods = await answered(changeable(writable).add(readDraft(body)));
      return reply.status(201).send({ ...goods, instance });
    });

    app.put<{ Params: { id: string } }>("/goods/:id", async ({ params, body }) => {
      const id = readId("goods", params.id);
      return { ...found(id, await answered(changeable(writable).change(id, readDraft(body)))), instance };
    });
  };
}

function found<T>(id: number, goods: T | undefined): T {
  if (goods === undefined) throw new HttpError(404, "not_found", `there are no goods ${id}`);
  return goods;
}

function changeable(writable: WritableGoodsStore | undefined): WritableGoodsStore {
  if (writable === undefined) throw new HttpError(404, "not_found", "these goods cannot be changed: there is no database");
  return writable;
}

/** @throws {HttpError} 400 when the body is no article. */
function readDraft(body: unknown): GoodsDraft {
  const { name, price } = isRecord(body) ? body : {};
  const valid =
    typeof name === "string" &&
    name.trim() !== "" &&
    name.length <= LONGEST_NAME &&
    Number.isInteger(price) &&
    Number(price) >= 0 &&
    Number(price) <= HIGHEST_PRICE;
  if (!valid) {
    const message = `goods have a name of 1 to ${LONGEST_NAME} characters and a price in cents, like {"name":"Fender","price":1890}`;
    throw new HttpError(400, "bad_request", message);
  }
  return { name, price: Number(price) };
}

async function answered<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof DatabaseError) {
      const doubt = error.executed === "unknown" ? "; what was sent may have been done all the same" : "";
      throw new HttpError(503, "database_unavailable", `the database does not answer: ${error.message}${doubt}`, {
        executed: error.executed,
      });
    }
    if (error instanceof SearchError) throw new HttpError(503, "search_unavailable", error.message, { tried: error.tried });
    throw error;
  }
}
