import { imageReference } from "../components/core/images";
import { docker } from "../test/stack/support/engine";
import { KafkaLogin, compare, loseWithOneAcknowledgement, nodesOf, produce, readTopic } from "../test/stack/support/kafka";
import { until } from "../test/stack/support/load";
import { TestStack, freePorts } from "../test/stack/support/test-stack";
import type { Figure } from "./bench";
import { median } from "./statistics";

const PROGRAM = "test/stack/programs/kafka-broker/program.cjs";
const NETWORK = { subnet: "10.198.0.0/24", first: "10.198.0.201", controller: "10.198.0.207" };
const MESSAGES = 100_000;
const KEYS = ["a", "b", "c", "d", "e", "f", "g", "h"];
const RIGHTS = [
  ...["messages", "loose", "speed"].map((topic) => ({ user: "bench", topic, operations: ["read", "write"] })),
  { user: "bench", group: "t-", prefixed: true, operations: ["read"] },
];

/** Kafka: what is kept while brokers die, and what a producer gets through. */
export async function streams(): Promise<Figure[]> {
  return [...(await kills()), await producerSpeed()];
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

const RECORDS = 300_000;
const ROUNDS = 5;
/** Share of what the same broker started by hand takes. */
const SPEED_BOUND = 0.95;

/** One broker of the component, and the same started by hand with the least that it takes: no users, no limits, nothing hardened. */
async function producerSpeed(): Promise<Figure> {
  const kafka = {
    brokers: 1,
    port: await freePorts(1),
    memoryMiB: 1024,
    heapMiB: 512,
    cpus: 2,
    topics: [{ name: "speed", partitions: 1 }],
    users: [{ name: "bench" }],
    acls: RIGHTS,
  };
  const stack = await TestStack.create("bench-kafka", { network: NETWORK, kafka }, PROGRAM);
  try {
    await stack.up();
    const { passwords } = await stack.secretOutputs<{ passwords: Record<string, string> }>();
    const network = `${stack.label}-services`;
    const byHand = await startByHand(stack.label, network);
    const login = [
      "security.protocol=SASL_PLAINTEXT",
      "sasl.mechanism=SCRAM-SHA-512",
      `sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username="bench" password="${passwords.bench ?? ""}";`,
    ];
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let round = 0; round <= ROUNDS; round++) {
      const [own, other] = [
        await recordsPerSecond(stack.label, network, `${NETWORK.first}:9092`, login),
        await recordsPerSecond(stack.label, network, byHand, []),
      ];
      // The first round warms both up.
      if (round > 0) {
        ours.push(own);
        theirs.push(other);
      }
    }
    const ratio = median(ours.map((own, round) => own / (theirs[round] ?? NaN)));
    return {
      what: "Kafka: records of 200 bytes per second from one producer, acknowledged by all",
      measured: `${median(ours).toFixed(0)}, ${ratio.toFixed(2)} ×`,
      beside: `${median(theirs).toFixed(0)} by the same broker started by hand, without users`,
      bound: `≥ ${SPEED_BOUND} ×`,
      holds: ratio >= SPEED_BOUND,
      runs: `${ROUNDS} in turn`,
    };
  } finally {
    await stack.remove();
  }
}

/** @returns address of the broker. */
async function startByHand(label: string, network: string): Promise<string> {
  const address = "10.198.0.221";
  const settings = [
    "node.id=1",
    "process.roles=broker,controller",
    "listeners=PLAINTEXT://0.0.0.0:9092,CONTROLLER://0.0.0.0:9093",
    `advertised.listeners=PLAINTEXT://${address}:9092,CONTROLLER://${address}:9093`,
    "controller.listener.names=CONTROLLER",
    "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    `controller.quorum.bootstrap.servers=${address}:9093`,
    "log.dirs=/var/lib/kafka/data",
    "offsets.topic.replication.factor=1",
    "num.partitions=1",
  ];
  const java = 'java -cp "/opt/kafka/libs/*"';
  const script = [
    `printf '%s\\n' '${settings.join("' '")}' > /tmp/server.properties`,
    `${java} kafka.tools.StorageTool format --cluster-id MkU3OEVBNTcwNTJENDM2Qg --config /tmp/server.properties --standalone`,
    `exec ${java} -Xms512m -Xmx512m -XX:+UseG1GC kafka.Kafka /tmp/server.properties`,
  ].join("\n");
  const labels = ["--label", `dockyard.stack=${label}`];
  await docker(
    "run",
    "--detach",
    "--name",
    `${label}-by-hand`,
    ...labels,
    "--network",
    network,
    "--ip",
    address,
    imageReference("kafka"),
    "sh",
    "-ec",
    script,
  );
  const answers = ["exec", `${label}-by-hand`, "bash", "-c", ": </dev/tcp/127.0.0.1/9092"];
  await until(
    "it answers",
    async () =>
      docker(...answers).then(
        () => true,
        () => false,
      ),
    60_000,
  );
  return `${address}:9092`;
}

/** What Kafka's own tool gets through, from a container of its own. */
async function recordsPerSecond(label: string, network: string, broker: string, login: readonly string[]): Promise<number> {
  const config = [`bootstrap.servers=${broker}`, "acks=all", ...login].map((line) => `'${line}'`).join(" ");
  const tool = `org.apache.kafka.tools.ProducerPerformance --topic speed --num-records ${RECORDS} --record-size 200 --throughput -1 --producer.config /tmp/producer.properties`;
  const script = `printf '%s\\n' ${config} > /tmp/producer.properties; exec java -Xmx256m -cp "/opt/kafka/libs/*" ${tool}`;
  const said = await docker(
    "run",
    "--rm",
    "--label",
    `dockyard.stack=${label}`,
    "--network",
    network,
    imageReference("kafka"),
    "sh",
    "-ec",
    script,
  );
  const last = said.trim().split("\n").pop() ?? "";
  const rate = /([\d.]+) records\/sec/.exec(last)?.[1];
  if (rate === undefined) throw new Error(`the tool said no rate:\n${said}`);
  return Number(rate);
}
