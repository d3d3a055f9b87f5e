import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Tally, openTally } from "../apps/shop/src/statistics/tally";
import { BrokerAccess, connectTo, keepChannel, missing, publishedDuring, takeAll } from "../test/stack/support/amqp";
import { docker } from "../test/stack/support/engine";
import { until } from "../test/stack/support/load";
import { killAndStart, untilWhole } from "../test/stack/support/rabbitmq";
import type { Figure } from "./bench";
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
  const { stack, firstBroker } = await benchStack({ without: ["ops"], goods: { instances: 1 }, order: { instances: 1 } });
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
        measured: `${measured.lost} lost, ${measured.twice} counted twice, ${measured.failed} never confirmed; longest pause ${(measured.longestPause / 1000).toFixed(1)} s, ${measured.repeated} delivered again`,
        beside: `a classic, non-durable queue without confirms, its broker killed once: ${control} of ${CONTROL_MESSAGES} lost`,
        bound: "0 lost, 0 twice, 0 never confirmed; the other one loses",
        holds: measured.lost + measured.twice + measured.failed === 0 && control > 0,
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
  const counter = countInto(access, tally);
  try {
    const { confirmed, failed, longestPause } = await publishedDuring(access, QUEUE, RATE, work, MESSAGES);
    await until("all that is in the queue is counted", async () => tally.totals().orders >= confirmed, 120_000).catch(() => undefined);
    await counter.stop();
    const { orders, repeated } = tally.totals();
    const [lost, twice] = [Math.max(0, confirmed - orders), Math.max(0, orders - confirmed)];
    return { confirmed, failed: failed.length, longestPause, repeated, lost, twice };
  } finally {
    await counter.stop();
    tally.close();
    await rm(folder, { recursive: true, force: true });
  }
}

function countInto(access: BrokerAccess, tally: Tally): { stop(): Promise<void> } {
  return keepChannel(access, async (channel) => {
    let open = true;
    let arrived: { id: string; acknowledge: () => void }[] = [];
    const settle = () => {
      const batch = arrived;
      arrived = [];
      if (!open || batch.length === 0) return;
      tally.count(batch.map(({ id }) => ({ id, total: 1, lines: [] })));
      for (const { acknowledge } of batch) acknowledge();
    };
    channel.on("close", () => (open = false));
    await channel.assertQueue(QUEUE, { durable: true });
    await channel.prefetch(1000);
    await channel.consume(QUEUE, (message) => {
      if (message === null) return;
      arrived.push({ id: message.content.toString(), acknowledge: () => channel.ack(message) });
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
