/** An article of the shop. */
export interface Goods {
  readonly id: number;
  readonly name: string;
  /** In cents: fractions of a currency do not survive floating point. */
  readonly price: number;
}

/** What somebody writes of an article. */
export type GoodsDraft = Omit<Goods, "id">;

/** Articles on one page of a list. */
export const PAGE_SIZE = 100;

/** Where the articles are. */
export interface GoodsStore {
  find(id: number): Promise<Goods | undefined>;

  /** The first {@link PAGE_SIZE} behind an id, in the order of their ids. */
  list(after: number): Promise<readonly Goods[]>;
}

/** One that can be written to. */
export interface WritableGoodsStore extends GoodsStore {
  add(draft: GoodsDraft): Promise<Goods>;

  /** The article as it is afterwards, or undefined where there is none. */
  change(id: number, draft: GoodsDraft): Promise<Goods | undefined>;
}
