import { ChannelModel, ConfirmChannel, ConsumeMessage, connect } from "amqplib";

/** How a client reaches a cluster. */
export interface BrokerAccess {
  /** `host:port`, in the order in which they are tried. */
  readonly endpoints: readonly string[];
  readonly user: string;
  readonly password: string;
}

/** Messages on the way at once. */
const WINDOW = 500;
/** Seconds after the work in which a message may still be confirmed; one that is not by then has failed. */
const LAST_CONFIRMS_SECONDS = 60;

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** One connection to one endpoint. */
export async function connectTo({ user, password }: BrokerAccess, endpoint: string): Promise<ChannelModel> {
  const [hostname = "", port] = endpoint.split(":");
  const connection = await connect(
    { protocol: "amqp", hostname, port: Number(port), username: user, password, heartbeat: 5 },
    { timeout: 2000, noDelay: true },
  );
  // Whoever uses it sees it end; an error without a listener would end the process.
  connection.on("error", () => undefined);
  return connection;
}

/** Calls `use` with a channel, and with another one whenever it ends, until told to stop. */
export function keepChannel(access: BrokerAccess, use: (channel: ConfirmChannel) => Promise<void>): { stop(): Promise<void> } {
  let stopped = false;
  let current: ChannelModel | undefined;
  const loop = (async () => {
    for (let attempt = 0; !stopped; attempt++) {
      try {
        current = await connectTo(access, access.endpoints[attempt % access.endpoints.length] ?? "");
        const ended = new Promise((resolve) => current?.on("close", resolve));
        const channel = await current.createConfirmChannel();
        channel.on("error", () => void current?.close().catch(() => undefined));
        await use(channel);
        if (stopped) await current.close().catch(() => undefined);
        await ended;
      } catch {
        await current?.close().catch(() => undefined);
      }
      await wait(100);
    }
  })();
  return {
    async stop() {
      stopped = true;
      await current?.close().catch(() => undefined);
      await loop;
    },
  };
}

export interface Published {
  /** Messages that a broker has confirmed; they are numbered from 0 without a gap. */
  readonly confirmed: number;
  /** Numbers of those that were never confirmed. */
  readonly failed: readonly number[];
  /** Times that a message was sent again because its confirmation had been lost, or that a broker refused it. */
  readonly repeated: number;
  /** The longest time in ms in which nothing was confirmed. */
  readonly longestPause: number;
}

/**
 * Publishes numbered, persistent messages and keeps each until it is confirmed; over a lost connection they are sent again on another one.
 *
 * @param rate Messages per second.
 * @param enough Told how many are confirmed; publishing ends when it says so.
 */
export async function publishConfirmed(
  access: BrokerAccess,
  queue: string,
  rate: number,
  enough: (confirmed: number) => boolean,
): Promise<Published> {
  const open = new Map<number, ConfirmChannel | undefined>();
  let [next, confirmed, repeated, longestPause, lastConfirm] = [0, 0, 0, 0, performance.now()];
  let channel: ConfirmChannel | undefined;
  const send = (number: number) => {
    const used = channel;
    if (used === undefined) return;
    open.set(number, used);
    try {
      used.sendToQueue(queue, Buffer.from(String(number)), { persistent: true }, (error) => settle(number, used, error));
    } catch {
      // The channel has just ended; the next one sends it.
    }
  };
  const settle = (number: number, used: ConfirmChannel, error: unknown) => {
    if (open.get(number) !== used) return;
    if (error) {
      open.set(number, undefined);
      return;
    }
    open.delete(number);
    confirmed++;
    longestPause = Math.max(longestPause, performance.now() - lastConfirm);
    lastConfirm = performance.now();
  };
  const link = keepChannel(access, async (fresh) => {
    await fresh.assertQueue(queue, { durable: true });
    fresh.on("close", () => (channel = channel === fresh ? undefined : channel));
    channel = fresh;
  });
  const started = performance.now();
  const sendAll = () => {
    if (channel === undefined) return;
    for (const [number, used] of open) {
      if (used === channel) continue;
      repeated++;
      send(number);
    }
    while (open.size < WINDOW && next < ((performance.now() - started) / 1000) * rate) send(next++);
  };
  while (!enough(confirmed)) {
    sendAll();
    await wait(5);
  }
  for (const deadline = Date.now() + LAST_CONFIRMS_SECONDS * 1000; open.size > 0 && Date.now() < deadline; await wait(20)) {
    for (const [number, used] of open) {
      if (channel === undefined || used === channel) continue;
      repeated++;
      send(number);
    }
  }
  longestPause = Math.max(longestPause, open.size > 0 ? performance.now() - lastConfirm : 0);
  await link.stop();
  return { confirmed, failed: [...open.keys()], repeated, longestPause };
}

/**
 * Publishes with confirms while `work` runs, and on until `least` are confirmed.
 *
 * The work begins when a second's messages are confirmed: a queue that has just been declared is not on the brokers' disks yet.
 */
export async function publishedDuring(
  access: BrokerAccess,
  queue: string,
  rate: number,
  work: () => Promise<unknown>,
  least = 0,
): Promise<Published> {
  let done = false;
  let flow = () => undefined as void;
  const flowing = new Promise<void>((resolve) => (flow = resolve));
  const publishing = publishConfirmed(access, queue, rate, (confirmed) => {
    if (confirmed >= rate) flow();
    return done && confirmed >= least;
  });
  try {
    await flowing;
    await work();
  } finally {
    done = true;
  }
  return publishing;
}

/** Takes everything out of a queue and returns how often each message was there. */
export async function takeAll(access: BrokerAccess, queue: string): Promise<Map<number, number>> {
  const seen = new Map<number, number>();
  const connection = await connectAnywhere(access);
  try {
    const channel = await connection.createChannel();
    await channel.prefetch(1000);
    let last = performance.now();
    await channel.consume(queue, (message: ConsumeMessage | null) => {
      if (message === null) return;
      last = performance.now();
      const number = Number(message.content.toString());
      seen.set(number, (seen.get(number) ?? 0) + 1);
      channel.ack(message);
    });
    for (;;) {
      await wait(100);
      if (performance.now() - last < 500) continue;
      const { messageCount } = await channel.checkQueue(queue);
      if (messageCount === 0) return seen;
    }
  } finally {
    await connection.close();
  }
}

/** The numbers below `count` that are not among those seen. */
export function missing(seen: ReadonlyMap<number, number>, count: number): number[] {
  return Array.from({ length: count }, (_, number) => number).filter((number) => !seen.has(number));
}

/** A connection to the first endpoint that gives one. */
export async function connectAnywhere(access: BrokerAccess): Promise<ChannelModel> {
  let fault: unknown;
  for (const endpoint of access.endpoints) {
    try {
      return await connectTo(access, endpoint);
    } catch (error) {
      fault = error;
    }
  }
  throw fault;
}
