import { setTimeout as delay } from "node:timers/promises";
import { Consumer, Producer, connectionsConnectsChannel, stringDeserializers, stringSerializers } from "@platformatic/kafka";
import { pause } from "./engine";

// The client tells twice of a connection that is cut while it logs in, and listens once.
connectionsConnectsChannel.start.subscribe((context) => {
  (context as { connection: NodeJS.EventEmitter }).connection.on("error", () => undefined);
});

/** How a user reaches the brokers from this host. */
export interface KafkaLogin {
  readonly brokers: readonly string[];
  readonly user: string;
  readonly password: string;
}

const connection = ({ brokers, user, password }: KafkaLogin) => ({
  clientId: "test",
  bootstrapBrokers: [...brokers],
  sasl: { mechanism: "SCRAM-SHA-512" as const, username: user, password },
  retries: false,
  timeout: 5_000,
  connectTimeout: 2_000,
});

export interface KafkaMessage {
  readonly key: string;
  readonly value: string;
  readonly partition: number;
}

export interface Produced {
  /** Values that were acknowledged, by key in their order: `<key>:<n>`. */
  readonly acknowledged: Readonly<Record<string, readonly string[]>>;
  readonly count: number;
  /** What a sender was told instead, before it sent the same again. */
  readonly failures: readonly string[];
}

interface ProduceOptions {
  readonly topic: string;
  /** -1 waits for all that are in sync. */
  readonly acks?: number;
  readonly keys?: readonly string[];
  readonly batch?: number;
  /** Pause between two batches in ms, so that a test neither fills the disk nor takes the CPU of those that start. @default 50 */
  readonly pauseMs?: number;
  /** Messages of each key; without it as many as go through while `during` runs. */
  readonly each?: number;
}

/** Sends messages from one sender for each key, one batch after the other, while `during` runs. What is not acknowledged is sent again. */
export async function produce(
  login: KafkaLogin,
  options: ProduceOptions,
  during: (count: () => number) => Promise<void>,
): Promise<Produced> {
  const { topic, acks = -1, keys = ["a", "b", "c", "d"], batch = 5, pauseMs = 50, each = Infinity } = options;
  const acknowledged: Record<string, string[]> = {};
  const failures: string[] = [];
  let ended = false;
  const sender = async (key: string) => {
    const producer = new Producer({ ...connection(login), serializers: stringSerializers });
    const sent: string[] = (acknowledged[key] = []);
    try {
      while (sent.length < each && !(each === Infinity && ended)) {
        const values = Array.from({ length: Math.min(batch, each - sent.length) }, (_, index) => `${key}:${sent.length + index}`);
        try {
          await producer.send({ acks, messages: values.map((value) => ({ topic, key, value })) });
          sent.push(...values);
          if (pauseMs > 0) await delay(pauseMs);
        } catch (error) {
          failures.push(String(error));
          await delay(100);
        }
      }
    } finally {
      await producer.close().catch(() => undefined);
    }
  };
  const senders = Promise.all(keys.map(sender));
  const count = () => Object.values(acknowledged).reduce((sum, { length }) => sum + length, 0);
  try {
    await during(count);
  } finally {
    ended = true;
  }
  await senders;
  return { acknowledged, count: count(), failures };
}

/** One attempt to send, which fails where it is refused. */
export async function sendOnce(login: KafkaLogin, topic: string, value: string): Promise<void> {
  const producer = new Producer({ ...connection(login), serializers: stringSerializers });
  try {
    await producer.send({ acks: -1, messages: [{ topic, key: value, value }] });
  } finally {
    await producer.close().catch(() => undefined);
  }
}

/** All messages of a topic, in the order of each partition. */
export async function readTopic(login: KafkaLogin, topic: string, group = `t-${Date.now()}`): Promise<KafkaMessage[]> {
  const consumer = new Consumer({ ...connection(login), retries: 10, groupId: group, deserializers: stringDeserializers });
  try {
    const ends = (await consumer.listOffsets({ topics: [topic] })).get(topic) ?? [];
    const left = new Set(ends.flatMap((end, partition) => (end > 0n ? [partition] : [])));
    const messages: KafkaMessage[] = [];
    if (left.size === 0) return messages;
    const stream = await consumer.consume({ topics: [topic], mode: "earliest", autocommit: true, maxWaitTime: 200 });
    for await (const { key, value, partition, offset } of stream) {
      messages.push({ key: String(key), value: String(value), partition });
      if (offset + 1n >= (ends[partition] ?? 0n)) left.delete(partition);
      if (left.size === 0) break;
    }
    return messages;
  } finally {
    await new Promise<void>((closed) => consumer.close(true, () => closed()));
  }
}

/** What was acknowledged and is not there, and keys whose messages are out of order or in two partitions. One that came twice counts where it came first. */
export function compare(
  { acknowledged }: Produced,
  messages: readonly KafkaMessage[],
): { lost: string[]; disordered: string[]; twice: number } {
  const there = new Set(messages.map(({ value }) => value));
  const disordered = Object.keys(acknowledged).filter((key) => {
    const own = messages.filter((message) => message.key === key);
    const first = [...new Set(own.map(({ value }) => Number(value.slice(key.length + 1))))];
    return new Set(own.map(({ partition }) => partition)).size > 1 || first.some((n, index) => index > 0 && n < (first[index - 1] ?? 0));
  });
  return {
    lost: Object.values(acknowledged)
      .flat()
      .filter((value) => !there.has(value)),
    disordered,
    twice: messages.length - there.size,
  };
}

/** Number of the broker that leads a partition. */
export async function leaderOf(login: KafkaLogin, topic: string, partition = 0): Promise<number> {
  const producer = new Producer(connection(login));
  try {
    const { topics } = await producer.metadata({ topics: [topic], forceUpdate: true });
    return topics.get(topic)?.partitions[partition]?.leader ?? -1;
  } finally {
    await producer.close().catch(() => undefined);
  }
}

/**
 * What must not be trusted: messages that only their leader had when it said that they were kept. The others stand still meanwhile, then the leader
 * dies and they go on without it.
 *
 * @returns how many of the acknowledged are gone.
 */
export async function loseWithOneAcknowledgement(
  login: KafkaLogin,
  topic: string,
  engine: {
    pause(nodes: number[], alone: KafkaLogin): Promise<void>;
    unpause(nodes: number[]): Promise<void>;
    kill(node: number): Promise<void>;
    start(node: number): Promise<void>;
  },
): Promise<{ lost: number; acknowledged: number }> {
  const leader = await leaderOf(login, topic);
  const others = [1, 2, 3].filter((node) => node !== leader);
  // The others take connections while they stand still, and answer nothing.
  const alone = { ...login, brokers: login.brokers.slice(leader - 1, leader) };
  await engine.pause(others, alone);
  let produced: Produced;
  try {
    produced = await produce(alone, { topic, acks: 1, keys: ["loose"], batch: 10, each: 200 }, async () => Promise.resolve());
  } finally {
    await engine.kill(leader);
    await engine.unpause(others);
  }
  for (let tries = 0; [leader, -1].includes(await leaderOf(login, topic).catch(() => -1)); tries++) {
    if (tries > 120) throw new Error("no other broker takes over");
    await delay(500);
  }
  await engine.start(leader);
  const { lost } = compare(produced, await readTopic(login, topic));
  return { lost: lost.length, acknowledged: produced.count };
}

/** An engine's way of doing things to the nodes of a cluster. */
export const nodesOf = (docker: (...args: string[]) => Promise<string>, container: (node: number) => string) => ({
  pause: (nodes: number[]) => pause(...nodes.map(container)),
  unpause: async (nodes: number[]) => void (await docker("unpause", ...nodes.map(container))),
  kill: async (node: number) => void (await docker("kill", container(node))),
  start: async (node: number) => void (await docker("start", container(node))),
});
