import { GOODS_GET, type GoodsAnswer } from "../goods/goods-rpc";
import type { RpcClient } from "../rpc/client";
import { findOrder } from "./orders";

/** An order with what it is for, naming the instance that answered and those that were asked. */
export interface FilledOrder {
  readonly id: number;
  readonly instance: string;
  readonly goods: readonly (GoodsAnswer & { readonly quantity: number })[];
  /** In cents. */
  readonly total: number;
}

/** Fills orders with their goods, which the goods service knows. */
export class OrderDesk {
  constructor(
    private readonly instance: string,
    private readonly goodsService: RpcClient,
  ) {}

  /** @returns undefined when there is no such order. */
  async fill(id: number): Promise<FilledOrder | undefined> {
    const order = findOrder(id);
    if (order === undefined) return undefined;

    const goods = await Promise.all(order.lines.map(async ({ goodsId, quantity }) => ({ ...(await this.askGoods(goodsId)), quantity })));
    const total = goods.reduce((sum, { price, quantity }) => sum + price * quantity, 0);
    return { id, instance: this.instance, goods, total };
  }

  private async askGoods(id: number): Promise<GoodsAnswer> {
    return (await this.goodsService.call(GOODS_GET, { id }, { idempotent: true })) as GoodsAnswer;
  }
}
