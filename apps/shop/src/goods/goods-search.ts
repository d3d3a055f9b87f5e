import type { Log } from "../log";
import type { Goods } from "./goods";

/** Articles that one search finds at most. */
const MOST_FOUND = 20;
/** Time that one node gets for an answer before the next one is asked. */
const NODE_TIMEOUT_MS = 1_000;

/** No node of the search engine answered. */
export class SearchError extends Error {
  constructor(readonly tried: readonly { node: string; fault: string }[]) {
    super(`no search node answered: tried ${tried.map(({ node, fault }) => `${node} (${fault})`).join(", ")}`);
    this.name = "SearchError";
  }
}

interface SearchAnswer {
  readonly hits: { readonly total: { readonly value: number }; readonly hits: readonly { readonly _source: Goods }[] };
}

/** Full text search in the index of goods, which follows their table. */
export class GoodsSearch {
  /** Node that is asked first: the next one after each that did not answer. */
  private first = 0;

  constructor(
    private readonly urls: readonly string[],
    private readonly index: string,
    private readonly log: Log,
  ) {}

  /**
   * Articles whose names have all of the words, the best first; the last word may be the beginning of one.
   *
   * @throws {SearchError} naming what was tried when no node answers.
   */
  async search(words: string): Promise<{ total: number; goods: readonly Goods[] }> {
    const query = { match_bool_prefix: { name: { query: words, operator: "and" } } };
    const answer = await this.ask<SearchAnswer>({ query, size: MOST_FOUND, track_total_hits: true });
    return { total: answer.hits.total.value, goods: answer.hits.hits.map(({ _source: { id, name, price } }) => ({ id, name, price })) };
  }

  private async ask<T>(body: unknown): Promise<T> {
    const tried: { node: string; fault: string }[] = [];
    for (let turn = 0; turn < this.urls.length; turn++) {
      const node = this.urls[(this.first + turn) % this.urls.length] ?? "";
      try {
        // A node that stops may answer for a part of the shards alone: the next one is asked for all of them.
        const response = await fetch(`${node}/${this.index}/_search?allow_partial_search_results=false`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify(body),
          signal: AbortSignal.timeout(NODE_TIMEOUT_MS),
        });
        if (!response.ok) throw new Error(`status ${response.status}: ${(await response.text()).slice(0, 300)}`);
        this.first = (this.first + turn) % this.urls.length;
        return (await response.json()) as T;
      } catch (error) {
        const { message, cause } = error as Error;
        tried.push({ node, fault: cause instanceof Error ? cause.message : message });
      }
    }
    this.log.warn({ tried }, "no search node answered");
    throw new SearchError(tried);
  }
}
