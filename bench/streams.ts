import { docker } from "../test/stack/support/engine";
import { KafkaLogin, compare, loseWithOneAcknowledgement, nodesOf, produce, readTopic } from "../test/stack/support/kafka";
import { until } from "../test/stack/support/load";
import { TestStack, freePorts } from "../test/stack/support/test-stack";
import type { Figure } from "./bench";
import { producerSpeed } from "./producer-speed";

const PROGRAM = "test/stack/programs/kafka-broker/program.cjs";
const NETWORK = { subnet: "10.198.0.0/24", first: "10.198.0.201", controller: "10.198.0.207" };
const BY_HAND = { plain: "10.198.0.221", secured: "10.198.0.222" };
const MESSAGES = 100_000;
const KEYS = ["a", "b", "c", "d", "e", "f", "g", "h"];
const RIGHTS = [
  ...["messages", "loose"].map((topic) => ({ user: "bench", topic, operations: ["read", "write"] })),
  { user: "bench", group: "t-", prefixed: true, operations: ["read"] },
];

/** Kafka: what is kept while brokers die, and what a producer gets through. */
export async function streams(): Promise<Figure[]> {
  return [...(await kills()), await producerSpeed({ program: PROGRAM, network: NETWORK, byHand: BY_HAND })];
}

async function kills(): Promise<Figure[]> {
  const port = await freePorts(3);
  const kafka = {
    port,
    memoryMiB: 768,
    topics: [
      { name: "messages", partitions: 6 },
      { name: "loose", partitions: 1, minInSync: 1, settings: { "unclean.leader.election.enable": true } },
    ],
    users: [{ name: "bench" }],
    acls: RIGHTS,
  };
  const stack = await TestStack.create("bench-kafka", { network: NETWORK, kafka }, PROGRAM);
  const container = (node: number) => stack.container(`events-${node}`);
  const whole = async () => {
    const said = JSON.parse(await docker("exec", container(1), "kafka-admin", "status")) as {
      brokers: string[];
      underReplicated: string[];
    };
    return said.brokers.length === 3 && said.underReplicated.length === 0;
  };
  try {
    await stack.up();
    const { passwords } = await stack.secretOutputs<{ passwords: Record<string, string> }>();
    const login: KafkaLogin = {
      brokers: [0, 1, 2].map((index) => `127.0.0.1:${port + index}`),
      user: "bench",
      password: passwords.bench ?? "",
    };
    const produced = await produce(login, { topic: "messages", keys: KEYS, batch: 10, pauseMs: 30 }, async (count) => {
      for (const node of [1, 2, 3]) {
        const from = count();
        await until("messages go through", async () => Promise.resolve(count() >= from + 10_000), 300_000);
        await docker("kill", container(node));
        const before = count();
        await until("the others go on", async () => Promise.resolve(count() > before + 200), 120_000);
        await docker("start", container(node));
        await until("it is back", () => whole().catch(() => false), 180_000);
      }
      await until("all are sent", async () => Promise.resolve(count() >= MESSAGES), 300_000);
    });
    const { lost, disordered, twice } = compare(produced, await readTopic(login, "messages"));
    const control = await loseWithOneAcknowledgement(login, "loose", nodesOf(docker, container));
    return [
      {
        what: `Kafka: ${produced.count} messages acknowledged by all, each of 3 brokers killed once`,
        measured: `${lost.length} lost, ${disordered.length} of ${KEYS.length} keys out of order, ${twice} twice`,
        beside: `${control.lost} of ${control.acknowledged} lost that one broker alone had acknowledged`,
        bound: "none lost, in order; the control loses",
        holds: lost.length === 0 && disordered.length === 0 && produced.count >= MESSAGES && control.lost > 0,
        runs: "1",
      },
    ];
  } finally {
    await stack.remove();
  }
}
