import type { Channel } from "amqplib";
import { isRecord } from "../rpc/message";

/** That an order was taken, as others are told. */
export interface OrderPlaced {
  /** The order's id, and the event's: whoever counts it twice can tell by it. */
  readonly id: string;
  /** In cents. */
  readonly total: number;
  readonly lines: readonly { readonly goodsId: number; readonly quantity: number }[];
}

/** Exchange that orders publish to. */
export const ORDER_EVENTS = "orders";
export const STATISTICS_QUEUE = "orders.statistics";
/** Where events go that could not be counted, to be looked at by people. */
export const DEAD_LETTER_QUEUE = "orders.statistics.dead";
const DEAD_LETTERS = "orders.dead";

/** Times that an event is delivered again after it could not be counted. */
const REDELIVERIES = 5;

/** Declares what events go through; publisher and consumer do it alike, so an event has its queue whichever comes first. */
export async function declareOrderEvents(channel: Channel): Promise<void> {
  await channel.assertExchange(DEAD_LETTERS, "fanout", { durable: true });
  await channel.assertQueue(DEAD_LETTER_QUEUE, { durable: true, arguments: { "x-queue-type": "quorum" } });
  await channel.bindQueue(DEAD_LETTER_QUEUE, DEAD_LETTERS, "");
  await channel.assertExchange(ORDER_EVENTS, "fanout", { durable: true });
  await channel.assertQueue(STATISTICS_QUEUE, {
    durable: true,
    arguments: {
      "x-queue-type": "quorum",
      "x-delivery-limit": REDELIVERIES,
      "x-dead-letter-exchange": DEAD_LETTERS,
      // A dead letter leaves its queue only when the other one has confirmed it, which needs the overflow to be refused.
      "x-dead-letter-strategy": "at-least-once",
      "x-overflow": "reject-publish",
    },
  });
  await channel.bindQueue(STATISTICS_QUEUE, ORDER_EVENTS, "");
}

/** @throws {TypeError} where a message is no event. */
export function readOrderPlaced(content: Buffer): OrderPlaced {
  const event: unknown = JSON.parse(content.toString());
  const lines = isRecord(event) ? event.lines : undefined;
  const valid =
    isRecord(event) &&
    typeof event.id === "string" &&
    Number.isInteger(event.total) &&
    Array.isArray(lines) &&
    lines.every((line) => isRecord(line) && Number.isInteger(line.goodsId) && Number.isInteger(line.quantity));
  if (!valid) throw new TypeError(`this is no order event: ${content.subarray(0, 200).toString()}`);
  return event as unknown as OrderPlaced;
}
