import type { Channel, ConfirmChannel, ConsumeMessage } from "amqplib";
import { setTimeout as delay } from "node:timers/promises";
import type { Log } from "../log";
import { BrokerLink, type BrokerSettings } from "../queue/broker-link";
import { declareOrderEvents, readOrderPlaced, STATISTICS_QUEUE, type OrderPlaced } from "../queue/order-events";
import type { Tally } from "./tally";

/** Events that a consumer is given before it has acknowledged any. */
const PREFETCH = 1000;
/** Pause before events go back to their queue that could not be counted: what keeps them from it may pass. */
const RETRY_MS = 1_000;

/**
 * Counts the events of the queue, as many in one transaction as have come, and acknowledges them when they are counted.
 *
 * What cannot be counted goes back to the queue, which delivers it a few times more and then puts it aside as a dead letter.
 */
export class EventConsumer {
  private readonly link: BrokerLink;
  private closing = false;
  private working: Promise<void> = Promise.resolve();

  constructor(
    private readonly tally: Tally,
    settings: BrokerSettings,
    private readonly log: Log,
  ) {
    this.link = new BrokerLink(settings, (channel) => this.use(channel), log);
  }

  start(): void {
    this.link.start();
  }

  async close(): Promise<void> {
    this.closing = true;
    await this.working;
    await this.link.close();
    this.tally.close();
  }

  private async use(channel: ConfirmChannel): Promise<void> {
    await declareOrderEvents(channel);
    await channel.prefetch(PREFETCH);
    let arrived: ConsumeMessage[] = [];
    let open = true;
    const work = async () => {
      while (open && !this.closing && arrived.length > 0) {
        const batch = arrived;
        arrived = [];
        await this.settle(channel, batch, () => open);
      }
    };
    channel.on("close", () => (open = false));
    await channel.consume(STATISTICS_QUEUE, (message) => {
      // The queue was deleted: the next channel declares it again.
      if (message === null) return void channel.close().catch(() => undefined);
      arrived.push(message);
      // After all that has come with it.
      if (arrived.length === 1) this.working = this.working.then(() => delay(5)).then(work);
    });
  }

  private async settle(channel: Channel, batch: readonly ConsumeMessage[], isOpen: () => boolean): Promise<void> {
    const { events, counted, refused } = readBatch(batch);
    try {
      if (events.length > 0) this.tally.count(events);
    } catch (error) {
      this.log.error({ err: error, events: events.length }, "events could not be counted");
      refused.push(...counted.splice(0));
    }
    if (isOpen()) this.answer(() => counted.forEach((message) => channel.ack(message)));
    if (refused.length === 0) return;
    for (const { fields, properties } of refused)
      this.log.warn({ event: String(properties.messageId), redelivered: fields.redelivered }, "an event goes back to its queue");
    await delay(RETRY_MS);
    if (isOpen()) this.answer(() => refused.forEach((message) => channel.nack(message, false, true)));
  }

  /** A channel that is about to close takes no answers; what it has none for is delivered again on the next one. */
  private answer(send: () => void): void {
    try {
      send();
    } catch (error) {
      this.log.warn({ err: error }, "events could not be answered for, and will be delivered again");
    }
  }
}

function readBatch(batch: readonly ConsumeMessage[]) {
  const events: OrderPlaced[] = [];
  const counted: ConsumeMessage[] = [];
  const refused: ConsumeMessage[] = [];
  for (const message of batch) {
    try {
      events.push(readOrderPlaced(message.content));
      counted.push(message);
    } catch {
      refused.push(message);
    }
  }
  return { events, counted, refused };
}
