import { NoAnswerError } from "../rpc/call";
import { isRecord, RpcCode, RpcError } from "../rpc/message";
import type { RpcMethods } from "../rpc/server-connection";
import type { OrderDesk } from "./order-desk";

export const ORDER_GET = "order.get";

/** `order.get {"id": 1}`. */
export function orderMethods(desk: OrderDesk): RpcMethods {
  return {
    [ORDER_GET]: async (params) => {
      const id = isRecord(params) ? params.id : undefined;
      if (typeof id !== "number" || !Number.isInteger(id))
        throw new RpcError(RpcCode.invalidParams, `${ORDER_GET} takes {"id": <whole number>}`);
      const order = await desk.fill(id).catch((error: unknown) => {
        throw error instanceof NoAnswerError ? new RpcError(RpcCode.unavailable, error.message, { tried: error.tried }) : error;
      });
      if (order === undefined) throw new RpcError(RpcCode.notFound, `there is no order ${id}`);
      return order;
    },
  };
}
