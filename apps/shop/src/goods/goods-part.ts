import { setTimeout as delay } from "node:timers/promises";
import { RedisLink } from "../cache/redis-link";
import { Database } from "../database/database";
import type { Log } from "../log";
import type { ServicePart } from "../part";
import type { Settings } from "../settings";
import { CATALOGUE } from "./catalogue";
import { goodsRoutes, type GoodsDesk } from "./goods-http";
import { goodsMethods } from "./goods-rpc";
import { GoodsSearch } from "./goods-search";
import { GoodsTable } from "./goods-table";
import { ReadThroughGoods, type GoodsCache } from "./read-through";
import { RedisGoodsCache } from "./redis-goods-cache";

const SEARCH_INDEX = "goods";
/** Time between two tries to make the table of goods. */
const PREPARE_RETRY_MS = 500;

/** The goods service: a catalogue, read and written over HTTP, and read over RPC. */
export function startGoods(settings: Settings, log: Log): ServicePart {
  const { instance, searchUrls } = settings;
  const { table, cache, close } = openGoods(settings, log);
  const writable = table && cache ? new ReadThroughGoods(table, cache, log) : table;
  const stopped = new AbortController();
  const desk: GoodsDesk = {
    store: writable ?? CATALOGUE,
    ...(writable && { writable }),
    ...(searchUrls.length > 0 && { search: new GoodsSearch(searchUrls, SEARCH_INDEX, log) }),
  };
  return {
    routes: goodsRoutes(instance, desk),
    methods: goodsMethods(instance, desk.store),
    ready: table ? prepare(table, stopped.signal, log) : Promise.resolve(),
    close: async () => {
      stopped.abort();
      await close();
    },
  };
}

/** Where the goods are, as the settings say: in a database, with or without a cache before it, or nowhere. */
export function openGoods(
  { database: reached, cache: cached }: Settings,
  log: Log,
): { table?: GoodsTable; cache?: GoodsCache; close: () => Promise<void> } {
  if (reached === undefined) return { close: async () => undefined };
  const database = new Database(reached, log);
  const table = new GoodsTable(database);
  const cache = cached && new RedisGoodsCache(new RedisLink(cached, log), (after, most) => table.idsAfter(after, most), log);
  return {
    table,
    ...(cache && { cache }),
    close: async () => {
      await cache?.close();
      await database.close();
    },
  };
}

/** Tries until the table is there: an instance that starts before its database serves what it can. */
async function prepare(table: GoodsTable, signal: AbortSignal, log: Log): Promise<void> {
  while (!signal.aborted) {
    try {
      return await table.prepare();
    } catch (error) {
      log.warn({ err: error }, "the table of goods cannot be made yet");
      await delay(PREPARE_RETRY_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}
