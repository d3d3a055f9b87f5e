import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { brokerLeaveCommand } from "../../components/rabbitmq-cluster/leave-command";
import { brokerSpareCondition, brokerWholeCondition, growQueuesCommand } from "../../components/rabbitmq-cluster/rabbitmq-gate";

const brokers = [1, 2, 3].map((n) => ({ name: `queue-${n}`, docker: ["docker"], container: `shop-dev-queue-${n}` }));
const [first, second, third] = brokers;
if (!first || !second || !third) throw new Error("there are three");

type Row = readonly [name: string, running: boolean, alarm?: boolean];
const nodes = (...rows: Row[]) =>
  JSON.stringify(
    rows.map(([name, running, alarm = false]) =>
      running
        ? { partitions: [], mem_alarm: alarm, disk_free_alarm: false, name: `rabbit@queue-${name}`, running }
        : { name: `rabbit@queue-${name}`, running },
    ),
  );

interface Engine {
  /** What a broker's management API says of the nodes, by the broker's number; one that is not here does not answer. */
  readonly answers: Readonly<Record<number, string>>;
  /** Brokers that have a container, by their numbers. */
  readonly made?: readonly number[];
  /** Brokers that have left, and whose container is stopped and not yet removed. */
  readonly left?: readonly number[];
  /** Brokers that a queue needs. */
  readonly critical?: readonly number[];
  /** What a broker's volume says of its cluster. */
  readonly members?: string;
}

/** Runs a condition with a docker that prints what the brokers would. */
function holds(condition: string, { answers, made = [1, 2, 3], left = [], critical = [], members }: Engine): boolean {
  const docker = [
    'docker() { case "$*" in',
    `ps*) printf 'shop-dev-queue-%s\\n' ${[...made.map((n) => `${n}:running`), ...left.map((n) => `${n}:exited`)].join(" ")} ;;`,
    ...Object.entries(answers).map(([n, said]) => `*"shop-dev-queue-${n} curl"*/api/nodes*) printf '%s' '${said}' ;;`),
    ...critical.map((n) => `*"shop-dev-queue-${n} curl"*quorum-critical*) echo 'it would be lost'; return 22 ;;`),
    ...Object.keys(answers).map((n) => `*"shop-dev-queue-${n} curl"*quorum-critical*) ;;`),
    ...(members === undefined ? [] : [`*cluster_nodes.config*) printf '%s' "${members}" ;;`]),
    "*) return 1 ;; esac; }",
  ].join("\n");
  const { status, stderr } = spawnSync("sh", ["-c", `docker=docker\n${docker}\n${condition}`], { encoding: "utf8" });
  expect(stderr).toBe("");
  return status === 0;
}

const all = nodes(["1", true], ["2", true], ["3", true]);

describe("the gate behind a broker", () => {
  it.each<[string, Engine, boolean]>([
    ["the whole cluster runs", { answers: { 1: all } }, true],
    ["the first is new and alone", { answers: { 1: nodes(["1", true]) }, made: [1] }, true],
    ["it does not answer", { answers: {} }, false],
    ["it does not answer and is new", { answers: {}, made: [1] }, false],
    ["it has a memory alarm", { answers: { 1: nodes(["1", true, true], ["2", true], ["3", true]) } }, false],
    [
      "another one has a memory alarm, which its own turn may end",
      { answers: { 1: nodes(["1", true], ["2", true, true], ["3", true]) } },
      true,
    ],
    ["another one is down", { answers: { 1: nodes(["1", true], ["2", false], ["3", true]) } }, false],
    ["another one has a container and is in another cluster", { answers: { 1: nodes(["1", true], ["3", true]) } }, false],
    [
      "it waits for others that have no container yet",
      { answers: {}, made: [1], members: "{['rabbit@queue-1','rabbit@queue-2'],[]}." },
      true,
    ],
    ["it waits for others that have one", { answers: {}, members: "{['rabbit@queue-1','rabbit@queue-2'],[]}." }, false],
  ])("passes or not when %s", (_, engine, whole) => {
    expect(holds(brokerWholeCondition(first, "queue", [["docker"]]), engine)).toBe(whole);
  });
});

describe("the gate before a broker", () => {
  it.each<[string, Engine, boolean]>([
    ["all of three run", { answers: { 2: all } }, true],
    ["another one is down", { answers: { 2: nodes(["1", true], ["2", true], ["3", false]) } }, false],
    ["a quorum queue needs it", { answers: { 2: all }, critical: [2] }, false],
    ["all of five run", { answers: { 2: nodes(["1", true], ["2", true], ["3", true], ["4", true], ["5", true]) } }, true],
    ["one other of five is down", { answers: { 2: nodes(["1", true], ["2", true], ["3", true], ["4", true], ["5", false]) } }, true],
    ["two others of five are down", { answers: { 2: nodes(["1", true], ["2", true], ["3", true], ["4", false], ["5", false]) } }, false],
    ["there is one other, which runs", { answers: { 2: nodes(["1", true], ["2", true]) }, critical: [2] }, true],
    ["there is one other, which is down", { answers: { 2: nodes(["1", false], ["2", true]) } }, false],
    ["there is no other", { answers: { 2: nodes(["2", true]) } }, true],
    ["the others count it as down", { answers: { 1: nodes(["1", true], ["2", false], ["3", true]) } }, true],
    ["it does not answer, but the others count on it", { answers: { 1: all } }, false],
    ["nobody answers", { answers: {} }, true],
  ])("spares it or not when %s", (_, engine, spared) => {
    expect(holds(brokerSpareCondition(second, brokers), engine)).toBe(spared);
  });
});

describe("a broker that comes or goes", () => {
  it("gets a member of every quorum queue", async () => {
    await expect(`${growQueuesCommand(third)}\n`).toMatchFileSnapshot("golden/grow.sh");
  });

  it("hands its queues over, is forgotten, and leaves what it had aside", async () => {
    const leaving = { broker: third, survivors: [first, second], volume: "shop-dev-queue-3-data", image: "rabbitmq:1", user: "5672:5672" };
    await expect(`${brokerLeaveCommand(leaving)}\n`).toMatchFileSnapshot("golden/leave.sh");
  });
});
