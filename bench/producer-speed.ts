import { imageReference } from "../components/core/images";
import { docker } from "../test/stack/support/engine";
import { until } from "../test/stack/support/load";
import { TestStack, freePorts } from "../test/stack/support/test-stack";
import type { Figure } from "./bench";
import { median } from "./statistics";

const USER = "bench";
/** Who gives rights on the broker by hand; none of the rights' own questions is asked for such a one. */
const ADMIN = "admin";
const TOPIC = "speed";
/** So many that the tool's own start, which is most of the first 300,000, does not decide. */
const RECORDS = 1_500_000;
const ROUNDS = 5;
/** Share of what the same broker started by hand takes. */
const SPEED_BOUND = 0.95;

const MEMORY_MIB = 1024;
const HEAP_MIB = 512;
const CPUS = 2;
const CLUSTER = "MkU3OEVBNTcwNTJENDM2Qg";

/** A broker that is measured: where it is, and how a producer logs in to it. */
interface Measured {
  readonly address: string;
  readonly login: readonly string[];
}

/**
 * One broker of the component, and two that are started by hand with the same Kafka, Java, heap, CPUs and memory, on a volume as well, with the
 * options for Java that Kafka's own start script gives.
 *
 * Held against the component's is the one that asks for the same of a client: it logs in by SCRAM-SHA-512, and its rights are looked up. The other
 * one lets everybody in; it is beside, so that the price of that is seen. All else is Kafka's default for both.
 */
export async function producerSpeed(where: {
  readonly program: string;
  readonly network: { readonly subnet: string; readonly first: string };
  readonly byHand: { readonly plain: string; readonly secured: string };
}): Promise<Figure> {
  const kafka = {
    brokers: 1,
    port: await freePorts(1),
    memoryMiB: MEMORY_MIB,
    heapMiB: HEAP_MIB,
    cpus: CPUS,
    topics: [{ name: TOPIC, partitions: 1 }],
    users: [{ name: USER }],
    acls: [{ user: USER, topic: TOPIC, operations: ["read", "write"] }],
  };
  const stack = await TestStack.create("bench-kafka", { network: where.network, kafka }, where.program);
  try {
    await stack.up();
    const { passwords } = await stack.secretOutputs<{ passwords: Record<string, string> }>();
    const password = passwords[USER] ?? "";
    const login = [
      "security.protocol=SASL_PLAINTEXT",
      "sasl.mechanism=SCRAM-SHA-512",
      `sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username="${USER}" password="${password}";`,
    ];
    const brokers: Record<"ours" | "secured" | "plain", Measured> = {
      ours: { address: where.network.first, login },
      secured: { address: where.byHand.secured, login },
      plain: { address: where.byHand.plain, login: [] },
    };
    await startByHand(stack.label, "secured", where.byHand.secured, password);
    await startByHand(stack.label, "plain", where.byHand.plain);
    const { ours, secured, plain } = await inTurn(stack.label, brokers);
    const ratio = (others: readonly number[]) => median(ours.map((own, round) => own / (others[round] ?? NaN)));
    return {
      what: "Kafka: records of 200 bytes per second from one producer, acknowledged by all",
      measured: `${median(ours).toFixed(0)}, ${ratio(secured).toFixed(2)} ×`,
      beside: `${median(secured).toFixed(0)} by the same broker started by hand with users and rights; ${median(plain).toFixed(0)} by one that lets everybody in, ${ratio(plain).toFixed(2)} ×`,
      bound: `≥ ${SPEED_BOUND} ×`,
      holds: ratio(secured) >= SPEED_BOUND,
      runs: `${ROUNDS} in turn`,
    };
  } finally {
    await stack.remove();
  }
}

/** @returns what each got through, by rounds; every round begins with another one. */
async function inTurn<Name extends string>(label: string, brokers: Readonly<Record<Name, Measured>>): Promise<Record<Name, number[]>> {
  const names = Object.keys(brokers) as Name[];
  const rates = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, number[]>;
  for (let round = 0; round <= ROUNDS; round++) {
    const first = round % names.length;
    for (const name of [...names.slice(first), ...names.slice(0, first)]) {
      const rate = await recordsPerSecond(label, brokers[name]);
      // The first round warms them up.
      if (round > 0) rates[name].push(rate);
    }
  }
  return rates;
}

/** @param password Of the only user; without one everybody is let in. */
async function startByHand(label: string, name: string, address: string, password?: string): Promise<void> {
  const protocol = password === undefined ? "PLAINTEXT" : "SASL_PLAINTEXT";
  const secured = password !== undefined;
  const module = "org.apache.kafka.common.security.scram.ScramLoginModule";
  const admin = `${module} required username="${ADMIN}" password="${password ?? ""}";`;
  const settings = [
    "node.id=1",
    "process.roles=broker,controller",
    `listeners=${protocol}://0.0.0.0:9092,CONTROLLER://0.0.0.0:9093`,
    `advertised.listeners=${protocol}://${address}:9092,CONTROLLER://${address}:9093`,
    "controller.listener.names=CONTROLLER",
    `inter.broker.listener.name=${protocol}`,
    `listener.security.protocol.map=${protocol}:${protocol},CONTROLLER:PLAINTEXT`,
    `controller.quorum.bootstrap.servers=${address}:9093`,
    "log.dirs=/var/lib/kafka/data",
    "offsets.topic.replication.factor=1",
    "num.partitions=1",
    ...(secured
      ? [
          "sasl.enabled.mechanisms=SCRAM-SHA-512",
          "sasl.mechanism.inter.broker.protocol=SCRAM-SHA-512",
          `listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config=${admin}`,
          "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
          // The broker itself, by either of its listeners.
          `super.users=User:${ADMIN};User:ANONYMOUS`,
        ]
      : []),
  ];
  const users = secured ? [USER, ADMIN].map((user) => ` --add-scram 'SCRAM-SHA-512=[name=${user},password=${password}]'`).join("") : "";
  const java = 'java -cp "/opt/kafka/libs/*"';
  const options = "-XX:+UseG1GC -XX:MaxGCPauseMillis=20 -XX:InitiatingHeapOccupancyPercent=35 -XX:+ExplicitGCInvokesConcurrent";
  const script = [
    `printf '%s\\n' '${settings.join("' '")}' > /tmp/server.properties`,
    `${java} kafka.tools.StorageTool format --cluster-id ${CLUSTER} --config /tmp/server.properties --standalone${users}`,
    `exec ${java} -Xms${HEAP_MIB}m -Xmx${HEAP_MIB}m ${options} kafka.Kafka /tmp/server.properties`,
  ].join("\n");
  const container = `${label}-by-hand-${name}`;
  const limits = ["--memory", `${MEMORY_MIB}m`, "--cpus", String(CPUS)];
  const place = ["--network", `${label}-services`, "--ip", address, "--volume", "/var/lib/kafka"];
  const labels = ["--label", `dockyard.stack=${label}`];
  await docker("run", "--detach", "--name", container, ...labels, ...place, ...limits, imageReference("kafka"), "sh", "-ec", script);
  const answers = ["exec", container, "bash", "-c", ": </dev/tcp/127.0.0.1/9092"];
  await until("it answers", async () => docker(...answers).then(() => true), 60_000);
  if (!secured) return;
  const login = ["security.protocol=SASL_PLAINTEXT", "sasl.mechanism=SCRAM-SHA-512", `sasl.jaas.config=${admin}`];
  const rights = `--add --allow-principal User:${USER} --operation Read --operation Write --operation Create --topic ${TOPIC}`;
  const give = `${java} org.apache.kafka.tools.AclCommand --bootstrap-server ${address}:9092 --command-config /tmp/admin.properties ${rights}`;
  const told = `printf '%s\\n' '${login.join("' '")}' > /tmp/admin.properties; exec ${give}`;
  await until("it has given the rights", async () => docker("exec", container, "sh", "-ec", told).then(() => true));
}

/** What Kafka's own tool gets through, from a container of its own. */
async function recordsPerSecond(label: string, { address, login }: Measured): Promise<number> {
  const config = [`bootstrap.servers=${address}:9092`, "acks=all", ...login].map((line) => `'${line}'`).join(" ");
  const tool = `org.apache.kafka.tools.ProducerPerformance --topic ${TOPIC} --num-records ${RECORDS} --record-size 200 --throughput -1 --producer.config /tmp/producer.properties`;
  const script = `printf '%s\\n' ${config} > /tmp/producer.properties; exec java -Xmx256m -cp "/opt/kafka/libs/*" ${tool}`;
  const place = ["--label", `dockyard.stack=${label}`, "--network", `${label}-services`];
  const said = await docker("run", "--rm", ...place, imageReference("kafka"), "sh", "-ec", script);
  const last = said.trim().split("\n").pop() ?? "";
  const rate = /([\d.]+) records\/sec/.exec(last)?.[1];
  if (rate === undefined) throw new Error(`the tool said no rate:\n${said}`);
  return Number(rate);
}
