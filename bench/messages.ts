import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openTally } from "../apps/shop/src/statistics/tally";
import { BrokerAccess, connectTo, keepChannel, missing, publishedDuring, takeAll } from "../test/stack/support/amqp";
import { docker } from "../test/stack/support/engine";
import { until } from "../test/stack/support/load";
import { killAndStart, untilWhole } from "../test/stack/support/rabbitmq";
import type { Figure } from "./bench";
import { withoutAllBut } from "../test/stack/support/systems";
import { benchStack } from "./bench-stack";

const MESSAGES = 100_000;
const RATE = 1500;
const CONTROL_MESSAGES = 10_000;
const QUEUE = "measured";

/**
 * Messages that were confirmed, through the address before the brokers, while each broker and each proxy is killed once: which are lost, and
 * which are counted twice; beside those of a plain queue.
 */
export async function messages(): Promise<Figure[]> {
  const { stack, firstBroker } = await benchStack({ without: withoutAllBut("rabbitmq"), goods: { instances: 1 }, order: { instances: 1 } });
  try {
    await stack.up();
    const brokers = [1, 2, 3].map((n) => stack.container(`queue-${n}`));
    const proxies = [1, 2].map((n) => stack.container(`proxy-${n}`));
    const { endpoints, logins } = await stack.secretOutputs<{
      endpoints: { rabbitmq: string };
      logins: { rabbitmqManagement: { user: string; password: string } };
    }>();
    const access = { endpoints: [new URL(endpoints.rabbitmq).host], ...logins.rabbitmqManagement };
    const measured = await confirmedWhile(access, async () => {
      for (const broker of brokers) await killAndStart(broker, brokers);
      for (const proxy of proxies) await killAndStartProxy(proxy);
    });
    const control = await lostWithoutConfirms({ ...access, endpoints: [firstBroker] }, () => killAndStart(brokers[0] ?? "", brokers));
    await untilWhole(brokers);
    return [
      {
        what: `${measured.confirmed} confirmed messages while each of 3 brokers and each of 2 proxies is killed once`,
        measured: `${measured.lost} lost, ${measured.twice} counted twice, ${measured.failed} never confirmed; longest pause ${(measured.longestPause / 1000).toFixed(1)} s`,
        beside: `a classic, non-durable queue without confirms, its broker killed once: ${control} of ${CONTROL_MESSAGES} lost; a count of deliveries, without the unique id: ${measured.repeated} counted twice`,
        bound: "0 lost, 0 twice, 0 never confirmed; the others lose and count twice",
        holds: measured.lost + measured.twice + measured.failed === 0 && control > 0 && measured.repeated > 0,
        runs: `one run at ${RATE} messages/s`,
      },
    ];
  } finally {
    await stack.remove();
  }
}

async function killAndStartProxy(container: string): Promise<void> {
  await docker("kill", container);
  await new Promise((resolve) => setTimeout(resolve, 2000));
  await docker("start", container);
  await until(
    `${container} is healthy`,
    async () => (await docker("inspect", "--format", "{{.State.Health.Status}}", container)) === "healthy",
  );
}

/** Publishes while `work` runs, and on until there are enough; counts meanwhile as the statistics service does. */
async function confirmedWhile(access: BrokerAccess, work: () => Promise<unknown>) {
  const folder = await mkdtemp(join(tmpdir(), "dockyard-bench-"));
  const tally = openTally(join(folder, "tally.db"));
  // How often each message was delivered and counted.
  const delivered = new Map<number, number>();
  const count = (numbers: readonly number[]) => {
    tally.count(numbers.map((number) => ({ id: String(number), total: 1, lines: [] })));
    for (const number of numbers) delivered.set(number, (delivered.get(number) ?? 0) + 1);
  };
  const counter = countInto(access, count);
  try {
    const { confirmed, failed, longestPause } = await publishedDuring(access, QUEUE, RATE, work, MESSAGES);
    await until("all that was confirmed is counted", async () => missing(delivered, confirmed).length === 0, 120_000).catch(
      () => undefined,
    );
    await counter.stop();
    // What comes late, or was delivered and not acknowledged, comes again now.
    for (const [number, times] of await takeAll(access, QUEUE)) count(Array.from({ length: times }, () => number));
    const { orders } = tally.totals();
    const deliveries = [...delivered.values()].reduce((sum, times) => sum + times, 0);
    return {
      confirmed,
      failed: failed.length,
      longestPause,
      lost: missing(delivered, confirmed).length,
      twice: orders - delivered.size,
      repeated: deliveries - delivered.size,
    };
  } finally {
    await counter.stop();
    tally.close();
    await rm(folder, { recursive: true, force: true });
  }
}

function countInto(access: BrokerAccess, count: (numbers: readonly number[]) => void): { stop(): Promise<void> } {
  return keepChannel(access, async (channel) => {
    let open = true;
    let arrived: { number: number; acknowledge: () => void }[] = [];
    const settle = () => {
      const batch = arrived;
      arrived = [];
      if (!open || batch.length === 0) return;
      count(batch.map(({ number }) => number));
      for (const { acknowledge } of batch) acknowledge();
    };
    channel.on("close", () => (open = false));
    await channel.assertQueue(QUEUE, { durable: true });
    await channel.prefetch(1000);
    await channel.consume(QUEUE, (message) => {
      if (message === null) return;
      arrived.push({ number: Number(message.content.toString()), acknowledge: () => channel.ack(message) });
      if (arrived.length === 1) setTimeout(settle, 20);
    });
  });
}

/** The control: how many of its messages the same check misses where nothing is kept and nothing confirmed. */
async function lostWithoutConfirms(access: BrokerAccess, work: () => Promise<unknown>): Promise<number> {
  const options = { durable: false, arguments: { "x-queue-type": "classic" } };
  const connection = await connectTo(access, access.endpoints[0] ?? "");
  const channel = await connection.createChannel();
  await channel.assertQueue("control", options);
  for (let number = 0; number < CONTROL_MESSAGES; number++) channel.sendToQueue("control", Buffer.from(String(number)));
  await channel.checkQueue("control");
  await work();
  const again = await connectTo(access, access.endpoints[0] ?? "");
  await (await again.createChannel()).assertQueue("control", options);
  await again.close();
  return missing(await takeAll(access, "control"), CONTROL_MESSAGES).length;
}
