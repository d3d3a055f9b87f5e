import { setTimeout as delay } from "node:timers/promises";
import { RedisBloomFilter } from "../cache/bloom-filter";
import type { RedisLink } from "../cache/redis-link";
import type { Log } from "../log";
import type { Goods } from "./goods";
import type { GoodsCache } from "./read-through";

/** Name of the filter that the stack declares. */
const FILTER = "goods:known";
/** Which run of the server the filter was filled in: one that has started again may have lost what was added last. */
const FILLED = "goods:filled";
const FILLING = "goods:filling";
const FILLING_SECONDS = 60;
const TTL_SECONDS = 60;
const BATCH = 1_000;
/** Time between two looks whether the filter has to be filled. */
const LOOK_MS = 1_000;

/** Ids behind one, in their order, as nobody could have newer ones. */
export type IdsAfter = (after: number, most: number) => Promise<readonly number[]>;

/**
 * Goods in Redis, and a Bloom filter of all ids there.
 *
 * The filter's word counts only where it was filled from the database in the very run of the server that answers: after a failover or a crash
 * it may lack what was added last, and would deny what is there. Until one of the instances has filled it again, the database is asked.
 */
export class RedisGoodsCache implements GoodsCache {
  private readonly filter: RedisBloomFilter;
  private readonly stopped = new AbortController();
  private readonly running: Promise<void>;
  /** Run of the server for which the filter counts. */
  private trusted: string | undefined;
  /** Ids that could not be added yet. */
  private readonly pending = new Set<number>();

  constructor(
    private readonly link: RedisLink,
    private readonly idsAfter: IdsAfter,
    private readonly log: Log,
  ) {
    this.filter = new RedisBloomFilter(link, FILTER);
    link.start();
    this.running = this.keepFilled();
  }

  async mayExist(id: number): Promise<boolean> {
    if (this.trusted === undefined || this.pending.has(id)) return true;
    // What says that it is filled goes with the filter when somebody empties the server.
    const [known, filled] = await Promise.all([this.filter.mayContain(String(id)), this.link.get(FILLED)]);
    return known || filled !== this.trusted;
  }

  async get(id: number): Promise<Goods | undefined> {
    const text = await this.link.get(keyOf(id));
    return text === undefined ? undefined : (JSON.parse(text) as Goods);
  }

  async fill(goods: Goods): Promise<void> {
    await this.link.call("SET", keyOf(goods.id), JSON.stringify(goods), "EX", TTL_SECONDS, "NX");
  }

  async put(goods: Goods): Promise<void> {
    await this.link.set(keyOf(goods.id), JSON.stringify(goods), TTL_SECONDS);
  }

  async note(ids: readonly number[]): Promise<void> {
    for (const id of ids) this.pending.add(id);
    await this.addPending().catch((error: unknown) => this.log.warn({ err: error }, "ids are added to the filter later"));
  }

  async close(): Promise<void> {
    this.stopped.abort();
    await this.running;
    await this.link.close();
  }

  private async addPending(): Promise<void> {
    const ids = [...this.pending];
    for (let from = 0; from < ids.length; from += BATCH) {
      const batch = ids.slice(from, from + BATCH);
      await this.filter.addAll(batch.map(String));
      for (const id of batch) this.pending.delete(id);
    }
  }

  private async keepFilled(): Promise<void> {
    while (!this.stopped.signal.aborted) {
      try {
        await this.lookAfterFilter();
      } catch (error) {
        this.trusted = undefined;
        this.log.debug({ err: error }, "the filter cannot be looked after");
      }
      await delay(LOOK_MS, undefined, { signal: this.stopped.signal }).catch(() => undefined);
    }
  }

  private async lookAfterFilter(): Promise<void> {
    const run = /^run_id:(\w+)/m.exec(String(await this.link.call("INFO", "server")))?.[1];
    await this.addPending();
    if (run !== undefined && (await this.link.get(FILLED)) !== run && (await this.mayFill())) await this.fillFilter(run);
    this.trusted = (await this.link.get(FILLED)) === run ? run : undefined;
  }

  /** One of the instances fills it. */
  private async mayFill(): Promise<boolean> {
    return (await this.link.call("SET", FILLING, "1", "EX", FILLING_SECONDS, "NX")) === "OK";
  }

  private async fillFilter(run: string): Promise<void> {
    let after = 0;
    let count = 0;
    for (;;) {
      const ids = await this.idsAfter(after, BATCH);
      if (ids.length === 0) break;
      await this.filter.addAll(ids.map(String));
      after = ids[ids.length - 1] ?? after;
      count += ids.length;
      await this.link.call("EXPIRE", FILLING, FILLING_SECONDS);
    }
    await this.link.call("SET", FILLED, run);
    await this.link.del(FILLING);
    this.log.info({ count }, "the filter is filled");
  }
}

function keyOf(id: number): string {
  return `goods:item:${id}`;
}
