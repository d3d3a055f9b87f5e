import { randomUUID } from "node:crypto";
import type { OrderPlaced } from "../queue/order-events";
import { GOODS_GET, type GoodsAnswer } from "../goods/goods-rpc";
import type { RpcClient } from "../rpc/client";
import { findOrder, type OrderLine } from "./orders";

/** An order with what it is for, naming the instance that answered and those that were asked. */
export interface FilledOrder {
  readonly id: number | string;
  readonly instance: string;
  readonly goods: readonly (GoodsAnswer & { readonly quantity: number })[];
  /** In cents. */
  readonly total: number;
}

/**
 * Fills orders with their goods, which the goods service knows, and takes new ones.
 *
 * @param tell Is told of every order that is taken, before it is answered.
 */
export class OrderDesk {
  constructor(
    private readonly instance: string,
    private readonly goodsService: RpcClient,
    private readonly tell: (event: OrderPlaced) => void,
  ) {}

  /** @returns undefined when there is no such order. */
  async fill(id: number): Promise<FilledOrder | undefined> {
    const order = findOrder(id);
    return order && this.filled(id, order.lines);
  }

  /** Takes a new order; it is answered once whoever counts orders is sure to be told of it. */
  async take(lines: readonly OrderLine[]): Promise<FilledOrder> {
    const order = await this.filled(randomUUID(), lines);
    this.tell({ id: String(order.id), total: order.total, lines });
    return order;
  }

  private async filled(id: number | string, lines: readonly OrderLine[]): Promise<FilledOrder> {
    const goods = await Promise.all(lines.map(async ({ goodsId, quantity }) => ({ ...(await this.askGoods(goodsId)), quantity })));
    const total = goods.reduce((sum, { price, quantity }) => sum + price * quantity, 0);
    return { id, instance: this.instance, goods, total };
  }

  private async askGoods(id: number): Promise<GoodsAnswer> {
    return (await this.goodsService.call(GOODS_GET, { id }, { idempotent: true })) as GoodsAnswer;
  }
}
