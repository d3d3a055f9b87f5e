import { HttpError, readId } from "../http/errors";
import type { HttpRoutes } from "../http/server";
import { NoAnswerError } from "../rpc/call";
import { isRecord, RpcCode, RpcError } from "../rpc/message";
import type { EventPublisher } from "./event-publisher";
import type { OrderDesk } from "./order-desk";
import { allOrders, type OrderLine } from "./orders";

const MOST_LINES = 100;
const MOST_PIECES = 1_000_000;
const LONGEST_USER = 100;

/**
 * `GET /orders`, which needs nobody else, `GET /orders/:id` and `POST /orders`, which ask for the goods, and `GET /orders/events`: how many
 * events wait, and what the brokers answered to those that were published. `POST /login` takes who orders by a name alone: the shop keeps no
 * users, but has the path at which a gateway stops who tries passwords.
 */
export function orderRoutes(instance: string, desk: OrderDesk, publisher: EventPublisher | undefined): HttpRoutes {
  return (app) => {
    const list = async () => ({ instance, orders: allOrders() });
    app.get("/orders", list);
    app.get("/orders/", list);

    app.get("/orders/events", async () => {
      if (publisher === undefined) throw new HttpError(404, "not_found", "nobody is told of orders here: there is no broker");
      return { instance, ...publisher.counts() };
    });

    app.get<{ Params: { id: string } }>("/orders/:id", async ({ params }) => {
      const id = readId("an order", params.id);
      const order = await desk.fill(id).catch((error: unknown) => {
        throw asHttpError(error);
      });
      if (order === undefined) throw new HttpError(404, "not_found", `there is no order ${id}`);
      return order;
    });

    app.post("/login", async ({ body }) => ({ instance, user: readUser(body) }));

    app.post("/orders/", async ({ body }, reply) => {
      const order = await desk.take(readLines(body)).catch((error: unknown) => {
        throw asHttpError(error);
      });
      return reply.status(201).send(order);
    });
  };
}

/** @throws {HttpError} 400 when the body names nobody. */
function readUser(body: unknown): string {
  const user: unknown = isRecord(body) ? body.user : undefined;
  if (typeof user !== "string" || user.trim() === "" || user.length > LONGEST_USER)
    throw new HttpError(400, "bad_request", `a login has a user of 1 to ${LONGEST_USER} characters, like {"user":"ada"}`);
  return user;
}

/** @throws {HttpError} 400 when the body names no lines. */
function readLines(body: unknown): readonly OrderLine[] {
  const lines: unknown = isRecord(body) ? body.lines : undefined;
  const valid =
    Array.isArray(lines) &&
    lines.length > 0 &&
    lines.length <= MOST_LINES &&
    lines.every((line) => isRecord(line) && isCount(line.goodsId) && isCount(line.quantity));
  if (!valid) throw new HttpError(400, "bad_request", `an order has 1 to ${MOST_LINES} lines, like {"lines":[{"goodsId":1,"quantity":2}]}`);
  return (lines as OrderLine[]).map(({ goodsId, quantity }) => ({ goodsId, quantity }));
}

function isCount(value: unknown): boolean {
  return Number.isInteger(value) && Number(value) >= 1 && Number(value) <= MOST_PIECES;
}

function asHttpError(error: unknown): unknown {
  if (error instanceof NoAnswerError)
    return new HttpError(503, "goods_unavailable", error.message, { upstream: error.upstream, tried: error.tried });
  if (error instanceof RpcError && error.code === RpcCode.notFound) return new HttpError(404, "not_found", error.message);
  if (error instanceof RpcError) return new HttpError(502, "goods_failed", `goods answered with error ${error.code}: ${error.message}`);
  return error;
}
