import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Endpoint } from "../../../components/core/endpoint";
import type { LogOutput } from "../../../components/elk-pipeline/output-args";
import { containersOf, dataVolumesOf, docker, eventsDuring, pause } from "../support/engine";
import { KafkaLogin, compare, loseWithOneAcknowledgement, nodesOf, produce, readTopic, sendOnce } from "../support/kafka";
import { until } from "../support/load";
import { startFilebeat } from "../support/logs";
import { TestStack, freePorts } from "../support/test-stack";

const NAME = "test-kafka";
const PROGRAM = "test/stack/programs/kafka-broker/program.cjs";
const THINGS = { name: "things", partitions: 4 };
const WIDER = { ...THINGS, partitions: 6 };

let stack: TestStack;
let settings: Record<string, unknown>;
let login: KafkaLogin;
let reader: KafkaLogin;

const container = (node: string | number) => stack.container(typeof node === "number" ? `events-${node}` : node);
const kafka = (changes: Record<string, unknown>) => ({ kafka: { ...settings, ...changes } });

interface Status {
  readonly leader: string;
  readonly votersCurrent: Record<string, boolean>;
  readonly brokers: string[];
  readonly partitions: Record<string, number>;
  readonly underReplicated: string[];
}

/** What the cluster says through the first of its nodes that answers. */
async function status(): Promise<Status> {
  let last: unknown;
  for (const node of [1, 2, 3]) {
    try {
      return JSON.parse(await docker("exec", container(node), "kafka-admin", "status")) as Status;
    } catch (error) {
      last = error;
    }
  }
  throw last;
}

/** Waits for the cluster to be whole in its own words: on a busy machine a replica falls behind for a moment, also behind the last gate. */
async function untilWhole(nodes = 3): Promise<void> {
  await until("the cluster is whole", async () => {
    const { brokers, votersCurrent, underReplicated } = await status();
    const behind = Object.keys(votersCurrent).filter((voter) => !votersCurrent[voter]);
    const seen = { brokers: brokers.length, behind, underReplicated };
    if (seen.brokers !== nodes || behind.length + underReplicated.length > 0) throw new Error(JSON.stringify(seen));
    return true;
  });
}

/** Waits in the container for the cluster to be whole: many who ask from outside would take the CPU that a broker needs to start. */
async function becomesWhole(): Promise<void> {
  const made = [1, 2, 3].map((node) => `events-${node}:running`).join(" ");
  await until(
    "the cluster is whole",
    async () => docker("exec", container(1), "kafka-admin", "whole", "--made", made).then(() => true),
    120_000,
  );
}

beforeAll(async () => {
  const port = await freePorts(4);
  settings = {
    port,
    brokers: 1,
    memoryMiB: 640,
    heapMiB: 256,
    topics: [THINGS],
    users: [{ name: "tester" }, { name: "reader" }],
    acls: [
      { user: "tester", topic: "things", operations: ["read", "write"] },
      { user: "reader", topic: "things", operations: ["read"] },
      ...["tester", "reader"].map((user) => ({ user, group: "t-", prefixed: true, operations: ["read"] })),
    ],
  };
  const network = { subnet: "10.160.0.0/24", first: "10.160.0.21", controller: "10.160.0.11" };
  stack = await TestStack.create(NAME, { network, ...kafka({}) }, PROGRAM);
  await stack.up();
  const { passwords } = await stack.secretOutputs<{ passwords: Record<string, string> }>();
  const brokers = [0, 1, 2].map((index) => `127.0.0.1:${port + index}`);
  login = { brokers, user: "tester", password: passwords.tester ?? "" };
  reader = { brokers, user: "reader", password: passwords.reader ?? "" };
});

afterAll(async () => {
  await stack.remove();
});

describe("a Kafka cluster", () => {
  it("lets in whom it knows, for what it is allowed to", async () => {
    await sendOnce(login, "things", "hello");
    expect((await readTopic(reader, "things")).map(({ value }) => value)).toEqual(["hello"]);
    await expect(sendOnce(reader, "things", "x")).rejects.toThrow();
    await expect(sendOnce({ ...login, password: "wrong" }, "things", "x")).rejects.toThrow();
    await expect(sendOnce(login, "misspelt", "x")).rejects.toThrow();
    expect((await readTopic(reader, "things")).map(({ value }) => value)).toEqual(["hello"]);
  });

  it("grows from one broker to three without touching the first, and gives them replicas and votes", async () => {
    let events: string[] = [];
    const produced = await produce(login, { topic: "things" }, async () => {
      events = await eventsDuring(stack.label, () => stack.up(kafka({ brokers: 3, topics: [WIDER] })));
    });
    settings = { ...settings, brokers: 3, topics: [WIDER] };
    expect(events.filter((event) => event.endsWith("events-1"))).toEqual([]);
    expect(await status()).toMatchObject({
      votersCurrent: { "events-1": true, "events-2": true, "events-3": true },
      underReplicated: [],
      partitions: { things: 6, __consumer_offsets: 16, __transaction_state: 16 },
    });
    const described = await docker("exec", container(1), "kafka-admin", "replication");
    expect(new Set(Object.values(JSON.parse(described) as Record<string, number>))).toEqual(new Set([3]));
    // A key may go to another partition once there are more of them.
    expect(compare(produced, await readTopic(login, "things")).lost).toEqual([]);
    for (const [node, { Config, HostConfig }] of Object.entries(await containersOf(stack.label))) {
      expect.soft(Config.User, node).toBe("9092:9092");
      expect.soft(HostConfig, node).toMatchObject({ ReadonlyRootfs: true, CapDrop: ["ALL"], PidsLimit: 512 });
    }
    expect(await stack.preview()).toEqual([]);
  });

  it("finds what it acknowledged until it was down, though the node that stopped last, alone in sync, has lost its volume", async () => {
    const before = (await readTopic(login, "things")).map(({ value }) => value);
    const volumes = await dataVolumesOf(stack.label);
    expect(Object.keys(volumes)).toHaveLength(3);
    const produced = await produce(login, { topic: "things", keys: ["m", "n", "o", "p"] }, async () => {
      await stack.destroy();
    });
    expect(produced.count).toBeGreaterThan(0);
    // Refused once two had stopped: what the last one alone would have had is what cannot be found.
    expect(produced.failures).not.toEqual([]);
    expect(Object.keys(await containersOf(stack.label))).toEqual([]);
    expect(await dataVolumesOf(stack.label)).toEqual(volumes);
    await docker("volume", "rm", container("events-1-data"));
    await stack.up();
    await untilWhole();
    const { passwords } = await stack.secretOutputs<{ passwords: Record<string, string> }>();
    login = { ...login, password: passwords.tester ?? "" };
    reader = { ...reader, password: passwords.reader ?? "" };
    const after = await readTopic(login, "things");
    expect(before.filter((value) => !after.some((message) => message.value === value))).toEqual([]);
    expect(compare(produced, after)).toMatchObject({ lost: [], disordered: [] });
    expect(await stack.preview()).toEqual([]);
  });

  it("changes topics, users and rights while it runs, and refuses fewer partitions and another kind of controllers in preview", async () => {
    const loose = { name: "loose", partitions: 1, minInSync: 1 };
    const topics = [{ ...WIDER, settings: { "retention.ms": 86_400_000 } }, { name: "more" }, loose];
    const acls = [
      ...(settings.acls as unknown[]),
      { user: "tester", topic: "more", operations: ["write"] },
      { user: "tester", topic: "loose", operations: ["read", "write"] },
    ];
    const events = await eventsDuring(stack.label, () => stack.up(kafka({ topics, acls })));
    expect(events).toEqual([]);
    await sendOnce(login, "more", "x");
    expect((await status()).partitions).toMatchObject({ things: 6, more: 3 });
    const refusal = await stack.refusal(kafka({ topics: [THINGS], controllers: 1 }));
    expect(refusal).toContain("events.topics[0].partitions: must be 6 or more: the topic has that many");
    expect(refusal).toContain("events.controllers: must be 0: the controllers of this cluster are its brokers");
    settings = { ...settings, topics: [topics[0]], acls };
    await until("all say that they are healthy", async () =>
      Object.values(await containersOf(stack.label)).every(({ State }) => State.Health?.Status === "healthy"),
    );
  });

  it("would lose what one broker alone has acknowledged, and refuses what all have to: the control", async () => {
    const nodes = nodesOf(docker, container);
    const pauseAndTry = async (others: number[], alone: KafkaLogin) => {
      await nodes.pause(others);
      // To the same broker, which leads the one partition there is.
      await expect(sendOnce(alone, "loose", "alone")).rejects.toThrow();
    };
    const { lost, acknowledged } = await loseWithOneAcknowledgement(login, "loose", { ...nodes, pause: pauseAndTry });
    expect(acknowledged).toBe(200);
    expect(lost).toBeGreaterThan(0);
    await becomesWhole();
  });

  it("refuses to roll while a broker is away, naming it", async () => {
    await docker("stop", "--time", "20", container(3));
    expect(await stack.refusedUp(kafka({ heapMiB: 272 }))).toContain("events-3 is not in the cluster; bring it back first");
    await docker("start", container(3));
    await becomesWhole();
  });

  it("keeps every acknowledged message while each broker in turn is killed, and stands still for a while", async () => {
    const produced = await produce(login, { topic: "things", keys: ["i", "j", "k", "l"] }, async (count) => {
      for (const node of [1, 2, 3]) {
        await docker("kill", container(node));
        const before = count();
        await until("others go on", async () => Promise.resolve(count() > before + 100), 60_000);
        await docker("start", container(node));
        await becomesWhole();
        await pause(container(node));
        await delay(3_000);
        await docker("unpause", container(node));
        await becomesWhole();
      }
    });
    expect(compare(produced, await readTopic(login, "things"))).toMatchObject({ lost: [], disordered: [] });
  });

  it("keeps a broker that holds partitions, takes one whose data is lost as a new one, and moves partitions where that is asked for", async () => {
    await stack.up(kafka({ brokers: 4, topics: [WIDER, { name: "wide", partitions: 4 }] }));
    const held = await stack.refusedUp(kafka({}));
    expect(held).toMatch(/events-4 may not leave: it holds \d+ partitions: .*; keep it, set onLeave to "move"/);
    const { brokers, partitions } = await status();
    expect(brokers).toHaveLength(4);
    // Topics that are no longer declared are kept.
    expect(partitions).toMatchObject({ more: 3, loose: 1 });

    const before = (await readTopic(login, "things")).length;
    await docker("rm", "--force", container(2));
    await docker("volume", "rm", container("events-2-data"));
    await stack.refresh();
    await stack.up(kafka({ onLeave: "move", brokers: 4 }));
    await untilWhole(4);
    expect(Object.keys((await status()).votersCurrent)).toEqual(["events-1", "events-2", "events-3"]);
    expect((await readTopic(login, "things")).length).toBe(before);

    await stack.up(kafka({ onLeave: "move" }));
    settings = { ...settings, onLeave: "move" };
    await until("it is gone", async () => (await status()).brokers.length === 3);
    await untilWhole();
    expect(await stack.preview()).toEqual([]);
  });

  it("takes the lines of a Filebeat that logs in, and tells one with another password so in its own words, and one that may only read", async () => {
    const folder = await mkdtemp(join(tmpdir(), "dockyard-lines-"));
    const start = async (node: string, password: string, user = "tester") => {
      const output: LogOutput = { type: "kafka", endpoints: [new Endpoint("10.160.0.21", 9092)], topic: "things", user };
      return startFilebeat({ label: stack.label, node, network: `${stack.label}-services`, folder }, output, password);
    };
    const whole = async (name: string) => docker("exec", name, "filebeat-keeper", "whole").then(() => "whole", String);
    try {
      const stranger = await start("lines-1", "not-the-password");
      await until("it is told", async () =>
        (await whole(stranger)).includes("Authentication failed during authentication due to invalid credentials"),
      );
      await docker("rm", "--force", stranger);
      await writeFile(join(folder, "a.log"), "of a file\n");
      const known = await start("lines-2", login.password);
      await until("it is whole", async () => (await whole(known)) === "whole");
      const lines = async () => (await readTopic(reader, "things")).filter(({ value }) => value.includes("of a file"));
      await until("the line is there", async () => (await lines()).length > 0);
      expect((await lines()).map(({ value }) => (JSON.parse(value) as { message: string }).message)).toEqual(["of a file"]);
      await docker("rm", "--force", known);
      const { user, password } = reader;
      const mute = await start("lines-3", password, user);
      await until("it is told", async () => (await whole(mute)).includes("the topic things is not for this user to write to (error 29)"));
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
