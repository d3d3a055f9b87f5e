import type { Log } from "../log";
import type { Goods, GoodsDraft, WritableGoodsStore } from "./goods";

/** What is asked before the database is. Any of it may fail, and the database is asked then. */
export interface GoodsCache {
  /** False where an article is certainly not there. */
  mayExist(id: number): Promise<boolean>;
  get(id: number): Promise<Goods | undefined>;

  /** Keeps an article that was read, unless one is kept: what a replica says may be older than what was just written. */
  fill(goods: Goods): Promise<void>;

  /** Keeps an article that was written. */
  put(goods: Goods): Promise<void>;

  /** Has {@link mayExist} know of articles. */
  note(ids: readonly number[]): Promise<void>;
  close(): Promise<void>;
}

/**
 * Goods behind a filter and a cache: an id that does not exist ends at the filter, one that is asked for often at the cache, and the rest
 * reaches a replica.
 *
 * A cache that does not answer costs time, not answers. What it keeps after a write whose own entry could not be kept is stale until the entry
 * ends by itself.
 */
export class ReadThroughGoods implements WritableGoodsStore {
  constructor(
    private readonly store: WritableGoodsStore,
    private readonly cache: GoodsCache,
    private readonly log: Log,
  ) {}

  async find(id: number): Promise<Goods | undefined> {
    if (!(await this.orElse(true, this.cache.mayExist(id)))) return undefined;
    const kept = await this.orElse(undefined, this.cache.get(id));
    if (kept !== undefined) return kept;
    const goods = await this.store.find(id);
    if (goods !== undefined) await this.orElse(undefined, this.cache.fill(goods));
    return goods;
  }

  list(after: number): Promise<readonly Goods[]> {
    return this.store.list(after);
  }

  async add(draft: GoodsDraft): Promise<Goods> {
    const goods = await this.store.add(draft);
    // Whoever has the id from this answer must find the article: an id that the filter does not know is told to be absent.
    await this.cache.note([goods.id]);
    await this.orElse(undefined, this.cache.put(goods));
    return goods;
  }

  async change(id: number, draft: GoodsDraft): Promise<Goods | undefined> {
    const goods = await this.store.change(id, draft);
    if (goods !== undefined) await this.orElse(undefined, this.cache.put(goods));
    return goods;
  }

  private async orElse<T>(fallback: T, answer: Promise<T>): Promise<T> {
    try {
      return await answer;
    } catch (error) {
      this.log.debug({ err: error }, "the cache does not help");
      return fallback;
    }
  }
}
