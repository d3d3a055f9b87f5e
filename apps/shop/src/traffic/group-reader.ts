import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import type { MessagesStream } from "@platformatic/kafka";
import type { Log } from "../log";
import type { StreamSettings } from "../settings";
import type { CountedMessage, Counts } from "./counts";

/** Pause before a reader begins anew whose connection, group or database has failed. */
const RETRY_MS = 1_000;
/** Messages that are counted in one transaction, and how long the first of them waits for the others. */
const BATCH = 500;
const BATCH_MS = 200;

type Stream = MessagesStream<string, string, string, string>;

/** Reads a topic as one of a consumer group, and counts each message by a field of it before it is committed. */
export class GroupReader {
  private closing = false;
  /** Whether what was committed is no longer there to be read: then all that is there is, and what was counted before is not counted again. */
  private outOfRange = false;
  private stream: Stream | undefined;
  private reading: Promise<void> = Promise.resolve();

  constructor(
    private readonly group: string,
    private readonly field: string,
    private readonly counts: Counts,
    private readonly settings: StreamSettings,
    private readonly log: Log,
  ) {}

  start(): void {
    this.reading = this.readOn();
  }

  async close(): Promise<void> {
    this.closing = true;
    await this.stream?.close();
    await this.reading;
  }

  private async readOn(): Promise<void> {
    while (!this.closing) {
      try {
        await this.readUntilFailure();
      } catch (error) {
        if (this.closing) return;
        this.outOfRange = saysOutOfRange(error);
        this.log.warn({ err: error, group: this.group }, "the stream is not read, and begun anew");
        await delay(RETRY_MS);
      }
    }
  }

  private async readUntilFailure(): Promise<void> {
    const { brokers, user, passwordFile, topic } = this.settings;
    // Loaded by whoever reads a stream: the other services do without it.
    const { Consumer, connectionsConnectsChannel, stringDeserializers } = await import("@platformatic/kafka");
    connectionsConnectsChannel.start.unsubscribe(hearTwice);
    connectionsConnectsChannel.start.subscribe(hearTwice);
    const consumer = new Consumer({
      clientId: this.group,
      groupId: this.group,
      bootstrapBrokers: [...brokers],
      // Read at each beginning: the password may have changed.
      sasl: { mechanism: "SCRAM-SHA-512", username: user, password: (await readFile(passwordFile, "utf8")).trim() },
      deserializers: stringDeserializers,
      autocommit: false,
      maxWaitTime: 500,
    });
    try {
      const ends = await consumer.listOffsets({ topics: [topic] });
      this.counts.goBack(this.group, topic, ends.get(topic) ?? []);
      const mode = this.outOfRange ? "earliest" : "committed";
      this.stream = await consumer.consume({ topics: [topic], mode, fallbackMode: "earliest" });
      if (this.closing) await this.stream.close();
      await this.countAll(this.stream);
    } finally {
      this.stream = undefined;
      // A connection that is lost cannot say good-bye; the group finds out by itself.
      await new Promise<void>((closed) => consumer.close(true, () => closed()));
    }
  }

  private async countAll(stream: Stream): Promise<void> {
    let arrived: (CountedMessage & { commit: () => unknown })[] = [];
    let due = 0;
    const settle = async () => {
      const batch = arrived;
      arrived = [];
      this.counts.count(this.group, this.settings.topic, batch);
      // The last of each partition stands for those before it.
      const last = new Map(batch.map((message) => [message.partition, message]));
      for (const message of last.values()) await message.commit();
    };
    for await (const message of stream) {
      if (arrived.length === 0) due = Date.now() + BATCH_MS;
      const { partition, offset, value } = message;
      arrived.push({ partition, offset, key: keyOf(value, this.field), commit: () => message.commit() });
      if (arrived.length >= BATCH || Date.now() >= due || stream.readableLength === 0) await settle();
    }
    if (arrived.length > 0) await settle();
  }
}

/** The broker says so of an offset whose messages have been removed; the client wraps it in errors of its own. */
export function saysOutOfRange(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { apiId, errors = [], cause } = error as { apiId?: string; errors?: readonly unknown[]; cause?: unknown };
  return apiId === "OFFSET_OUT_OF_RANGE" || [...errors, cause].some(saysOutOfRange);
}

/** The client tells twice of a connection that is cut while it logs in, and listens once; the second time would end the process. */
function hearTwice(context: unknown): void {
  (context as { connection: NodeJS.EventEmitter }).connection.on("error", () => undefined);
}

/** What an event of the access log counts for, by a field of its request; one that is none counts as such. */
export function keyOf(event: string, field: string): string {
  try {
    const { nginx } = JSON.parse(event) as { nginx?: Record<string, unknown> };
    const found = nginx?.[field];
    return (typeof found === "string" && found !== "") || typeof found === "number" ? String(found) : "unknown";
  } catch {
    return "unreadable";
  }
}
