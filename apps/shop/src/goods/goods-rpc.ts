import { DatabaseError } from "../database/database";
import { isRecord, RpcCode, RpcError } from "../rpc/message";
import type { RpcMethods } from "../rpc/server-connection";
import type { Goods, GoodsStore } from "./goods";

export const GOODS_GET = "goods.get";

/** Goods as an instance answers with them, named so that a caller can tell who did. */
export interface GoodsAnswer extends Goods {
  readonly instance: string;
}

/** `goods.get {"id": 1}`. */
export function goodsMethods(instance: string, store: GoodsStore): RpcMethods {
  return {
    [GOODS_GET]: async (params): Promise<GoodsAnswer> => {
      const id = isRecord(params) ? params.id : undefined;
      if (typeof id !== "number" || !Number.isInteger(id))
        throw new RpcError(RpcCode.invalidParams, `${GOODS_GET} takes {"id": <whole number>}`);
      const goods = await store.find(id).catch((error: unknown) => {
        if (error instanceof DatabaseError) throw new RpcError(RpcCode.unavailable, `the database does not answer: ${error.message}`);
        throw error;
      });
      if (goods === undefined) throw new RpcError(RpcCode.notFound, `there are no goods ${id}`);
      return { ...goods, instance };
    },
  };
}
