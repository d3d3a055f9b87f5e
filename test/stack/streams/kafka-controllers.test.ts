import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { docker } from "../support/engine";
import { KafkaLogin, readTopic, sendOnce } from "../support/kafka";
import { TestStack, freePorts } from "../support/test-stack";

const NAME = "test-kafka-apart";

let stack: TestStack;
let settings: Record<string, unknown>;
let login: KafkaLogin;

beforeAll(async () => {
  const port = await freePorts(1);
  settings = {
    port,
    brokers: 1,
    controllers: 1,
    memoryMiB: 512,
    topics: [{ name: "things", partitions: 2 }],
    users: [{ name: "tester" }],
    acls: [
      { user: "tester", topic: "things", operations: ["read", "write"] },
      { user: "tester", group: "t-", prefixed: true, operations: ["read"] },
    ],
  };
  const network = { subnet: "10.161.0.0/24", first: "10.161.0.21", controller: "10.161.0.11" };
  stack = await TestStack.create(NAME, { network, kafka: settings }, "test/stack/programs/kafka-broker/program.cjs");
  await stack.up();
  login = { brokers: [`127.0.0.1:${port}`], user: "tester", password: await password() };
});

afterAll(async () => {
  await stack.remove();
});

async function password(): Promise<string> {
  return (await stack.secretOutputs<{ passwords: Record<string, string> }>()).passwords.tester ?? "";
}

describe("a Kafka cluster with a controller of its own", () => {
  it("has it alone vote, and is rolled with what it keeps", async () => {
    await sendOnce(login, "things", "first");
    await stack.up({ kafka: { ...settings, heapMiB: 200 } });
    settings = { ...settings, heapMiB: 200 };
    const status = JSON.parse(await docker("exec", stack.container("events-controller-1"), "kafka-admin", "status")) as object;
    expect(status).toMatchObject({ leader: "events-controller-1", votersCurrent: { "events-controller-1": true }, brokers: ["events-1"] });
    expect((await readTopic(login, "things")).map(({ value }) => value)).toEqual(["first"]);
    expect(await stack.preview()).toEqual([]);
  });

  it("comes back after it was taken down, and stays the kind that it is", async () => {
    await stack.destroy();
    await stack.up();
    login = { ...login, password: await password() };
    expect((await readTopic(login, "things")).map(({ value }) => value)).toEqual(["first"]);
    expect(await stack.refusal({ kafka: { ...settings, controllers: 0 } })).toContain("events.controllers: must be 1, 3 or 5");
  });
});
