import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BrokerAccess, connectAnywhere, takeAll } from "../support/amqp";
import { docker } from "../support/engine";
import { get, until } from "../support/load";
import { api, messagesIn, untilWhole } from "../support/rabbitmq";
import { withoutAllBut } from "../support/systems";
import { TestStack, freePorts } from "../support/test-stack";

let stack: TestStack;
let gateway: string;
let access: BrokerAccess;

const brokers = () => [1, 2, 3].map((n) => stack.container(`queue-${n}`));

beforeAll(async () => {
  const port = await freePorts(13);
  gateway = `http://127.0.0.1:${port}`;
  stack = await TestStack.create("test-rabbit-events", {
    network: { subnet: "10.178.0.0/24" },
    gateway: { publishedPort: port, publishedAdminPort: port + 1 },
    consul: { apiPort: port + 2, servers: 1 },
    goods: { instances: 1 },
    order: { instances: 2 },
    rabbitmq: { amqpPort: port + 5, managementPort: port + 8 },
    proxy: { statsPort: port + 11 },
    without: withoutAllBut("rabbitmq"),
  });
  await stack.up();
  const password = await docker("exec", stack.container("statistics-1"), "cat", "/run/secrets/current/amqp-password");
  access = { endpoints: [0, 1, 2].map((index) => `127.0.0.1:${port + 5 + index}`), user: "orders", password };
});

afterAll(() => stack.remove());

interface Totals {
  orders: number;
  revenue: number;
  repeated: number;
  goods: { id: number; quantity: number }[];
}

async function totals(): Promise<Totals> {
  const { status, body } = await get(`${gateway}/statistics`);
  if (status !== 200) throw new Error(`${status} ${body}`);
  return JSON.parse(body) as Totals;
}

/** Takes orders of two pieces of article 1, and fails where one is not answered. */
async function placeOrders(count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let n = 0; n < count; n++) {
    const { status, body } = await get(`${gateway}/orders/`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: '{"lines":[{"goodsId":1,"quantity":2}]}',
    });
    expect(status, body).toBe(201);
    ids.push((JSON.parse(body) as { id: string }).id);
  }
  return ids;
}

async function publish(...bodies: string[]): Promise<void> {
  const connection = await connectAnywhere(access);
  const channel = await connection.createConfirmChannel();
  for (const body of bodies) channel.publish("orders", "", Buffer.from(body), { persistent: true });
  await channel.waitForConfirms();
  await connection.close();
}

describe("an order that was answered", () => {
  it("is counted once, with its goods and its total", async () => {
    const before = await totals();
    await placeOrders(20);
    await until("all are counted", async () => (await totals()).orders === before.orders + 20);
    const after = await totals();
    expect(after.revenue - before.revenue).toBe(20 * 2 * 4990);
    expect(after.goods.find(({ id }) => id === 1)?.quantity).toBe((before.goods.find(({ id }) => id === 1)?.quantity ?? 0) + 40);
  });

  it("is published with a confirmation, which is recorded, and taken by a consumer that is given 1000 at most", async () => {
    const { acknowledged, waiting } = await events();
    expect(acknowledged).toBeGreaterThanOrEqual(20);
    expect(waiting).toBe(0);
    const [consumer] = await api<{ prefetch_count: number; ack_required: boolean }[]>(brokers()[0] ?? "", "consumers/%2F");
    expect(consumer).toMatchObject({ prefetch_count: 1000, ack_required: true });
    const queue = await api<{ type: string; durable: boolean; arguments: object }>(brokers()[0] ?? "", "queues/%2F/orders.statistics");
    expect(queue).toMatchObject({ type: "quorum", durable: true, arguments: { "x-delivery-limit": 5 } });
  });

  it("is counted once when its event comes twice", async () => {
    const before = await totals();
    const event = (id: string) => JSON.stringify({ id, total: 1, lines: [{ goodsId: 2, quantity: 1 }] });
    await publish(event("again"), event("again"), event("other"), event("again"));
    await until("all have come", async () => (await totals()).repeated === before.repeated + 2);
    expect((await totals()).orders).toBe(before.orders + 2);
  });

  it("is answered and counted although every broker is away meanwhile, and although its instance is killed before they are back", async () => {
    const before = await totals();
    await docker("kill", ...brokers());
    await placeOrders(10);
    await docker("kill", stack.container("order-1"));
    await docker("start", stack.container("order-1"));
    expect((await totals()).orders).toBe(before.orders);
    await docker("start", ...brokers());
    await untilWhole(brokers());
    await until("all are counted", async () => (await totals()).orders === before.orders + 10);
  });

  it("is counted once although the statistics are killed while they count", async () => {
    const before = await totals();
    const placing = placeOrders(200);
    for (let n = 0; n < 3; n++) {
      await new Promise((resolve) => setTimeout(resolve, 500));
      await docker("kill", stack.container("statistics-1"));
      await docker("start", stack.container("statistics-1"));
    }
    await placing;
    await until("all are counted", async () => (await totals()).orders === before.orders + 200);
  });
});

describe("an event that cannot be counted", () => {
  it("is tried a few times, put aside as a dead letter, and holds nobody up", async () => {
    const before = await totals();
    await publish("17");
    await placeOrders(5);
    await until("the others are counted", async () => (await totals()).orders === before.orders + 5);
    await until("it is put aside", async () => (await messagesIn(brokers()[0] ?? "", "orders.statistics.dead")) === 1);
    const refused = (await docker("logs", stack.container("statistics-1")))
      .split("\n")
      .filter((line) => line.includes("goes back to its queue"));
    expect(refused).toHaveLength(6);
    expect([...(await takeAll(access, "orders.statistics.dead")).keys()]).toEqual([17]);
  });
});

describe("the password of the queue", () => {
  it("is a file for the service alone, and in no environment and no label", async () => {
    expect(access.password).toMatch(/^\w{32}$/);
    for (const node of ["order-1", "order-2", "statistics-1"]) {
      expect(await docker("exec", stack.container(node), "stat", "-c", "%a %u", "/run/secrets/current/amqp-password")).toBe("400 10001");
      expect(await docker("inspect", stack.container(node))).not.toContain(access.password);
    }
    expect(await stack.storedState()).not.toContain(access.password);
  });
});

describe("a stack without the queue", () => {
  it("has no statistics, takes orders all the same and tells nobody of them", async () => {
    await stack.up({ without: withoutAllBut() });
    expect((await get(`${gateway}/statistics`)).status).toBe(404);
    await placeOrders(1);
    expect((await get(`${gateway}/orders/events`)).status).toBe(404);
    expect(await docker("ps", "--all", "--quiet", "--filter", `name=${stack.container("queue")}`)).toBe("");
  });
});

/** What both order instances say of their events. */
async function events(): Promise<{ waiting: number; acknowledged: number }> {
  const seen = new Map<string, { waiting: number; acknowledged: number }>();
  await until("both have answered", async () => {
    const { body, headers } = await get(`${gateway}/orders/events`);
    seen.set(String(headers["x-instance"]), JSON.parse(body) as { waiting: number; acknowledged: number });
    return seen.size === 2;
  });
  const all = [...seen.values()];
  return {
    waiting: all.reduce((sum, { waiting }) => sum + waiting, 0),
    acknowledged: all.reduce((sum, { acknowledged }) => sum + acknowledged, 0),
  };
}
