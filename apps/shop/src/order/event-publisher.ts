import type { ConfirmChannel, Message } from "amqplib";
import type { Log } from "../log";
import { BrokerLink, type BrokerSettings } from "../queue/broker-link";
import { declareOrderEvents, ORDER_EVENTS, type OrderPlaced } from "../queue/order-events";
import type { Answer, Outbox, OutboxCounts, WaitingEvent } from "./outbox";

/** Events on their way to a broker at once. */
const IN_FLIGHT = 256;
/** Time until an event that a broker refused is tried again. */
const RETRY_MS = 1_000;

/** Publishes what is in the outbox, in its order, until a broker has confirmed it. */
export class EventPublisher {
  private readonly link: BrokerLink;
  private channel: ConfirmChannel | undefined;
  /** Position of the last event that was sent over the channel. */
  private sent = 0;
  private inFlight = 0;
  private answers = new Map<number, Answer>();
  private readonly returned = new Set<string>();
  private retry: NodeJS.Timeout | undefined;

  constructor(
    private readonly outbox: Outbox,
    settings: BrokerSettings,
    private readonly log: Log,
  ) {
    this.link = new BrokerLink(settings, (channel) => this.use(channel), log);
  }

  start(): void {
    this.link.start();
  }

  /** Returns when the event is safe: kept here until a broker has it. */
  publish(event: OrderPlaced): void {
    this.outbox.add(event);
    this.pump();
  }

  counts(): OutboxCounts {
    return this.outbox.counts();
  }

  async close(): Promise<void> {
    clearTimeout(this.retry);
    // What is on the way is confirmed or comes again from the outbox; a repeated event is counted once.
    await this.channel?.waitForConfirms().catch(() => undefined);
    await this.link.close();
    this.flush();
    this.outbox.close();
  }

  private async use(channel: ConfirmChannel): Promise<void> {
    await declareOrderEvents(channel);
    channel.on("return", (message: Message) => this.returned.add(String(message.properties.messageId)));
    channel.on("close", () => {
      if (this.channel === channel) this.channel = undefined;
    });
    this.channel = channel;
    this.startOver();
  }

  /** Sends everything that is not confirmed. */
  private startOver(): void {
    this.sent = 0;
    this.inFlight = 0;
    this.pump();
  }

  private pump(): void {
    const { channel } = this;
    if (channel === undefined) return;
    this.flush();
    for (const event of this.outbox.waitingAfter(this.sent, IN_FLIGHT - this.inFlight)) {
      this.sent = event.position;
      this.inFlight++;
      const options = { persistent: true, mandatory: true, messageId: event.id, contentType: "application/json" };
      try {
        channel.publish(ORDER_EVENTS, "", Buffer.from(event.body), options, (error) => this.onAnswer(channel, event, error));
      } catch {
        // The channel has just ended; the next one starts over.
        return;
      }
    }
  }

  private onAnswer(channel: ConfirmChannel, { position, id }: WaitingEvent, error: unknown): void {
    // Those that a lost channel owes an answer are sent again over the next one.
    if (channel !== this.channel) return;
    this.inFlight--;
    const answer: Answer = this.returned.delete(id) ? "returned" : error ? "rejected" : "acknowledged";
    this.answers.set(position, answer);
    if (answer !== "acknowledged") {
      this.log.warn({ event: id, answer }, "the broker did not take an event; it is tried again");
      this.retryLater();
    }
    // Answers come in bunches, and each transaction is a write to the disk.
    if (this.answers.size === 1) setImmediate(() => this.pump());
  }

  private retryLater(): void {
    this.retry ??= setTimeout(() => {
      this.retry = undefined;
      // What is still on the way would be sent twice.
      if (this.inFlight > 0) this.retryLater();
      else this.startOver();
    }, RETRY_MS);
  }

  private flush(): void {
    if (this.answers.size === 0) return;
    const answers = this.answers;
    this.answers = new Map();
    this.outbox.record(answers);
  }
}
