import type { HttpRoutes } from "../http/server";
import { HttpError, readId } from "../http/errors";
import { NoAnswerError } from "../rpc/call";
import { RpcError } from "../rpc/message";
import type { OrderDesk } from "./order-desk";
import { allOrders } from "./orders";

/** `GET /orders`, which needs nobody else, and `GET /orders/:id`, which asks for the goods. */
export function orderRoutes(instance: string, desk: OrderDesk): HttpRoutes {
  return (app) => {
    app.get("/orders", async () => ({ instance, orders: allOrders() }));

    app.get<{ Params: { id: string } }>("/orders/:id", async ({ params }) => {
      const id = readId("an order", params.id);
      const order = await desk.fill(id).catch((error: unknown) => {
        throw asHttpError(error);
      });
      if (order === undefined) throw new HttpError(404, "not_found", `there is no order ${id}`);
      return order;
    });
  };
}

function asHttpError(error: unknown): unknown {
  if (error instanceof NoAnswerError)
    return new HttpError(503, "goods_unavailable", error.message, { upstream: error.upstream, tried: error.tried });
  if (error instanceof RpcError) return new HttpError(502, "goods_failed", `goods answered with error ${error.code}: ${error.message}`);
  return error;
}
