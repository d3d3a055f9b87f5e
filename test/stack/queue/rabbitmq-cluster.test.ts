import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BrokerAccess, connectAnywhere, connectTo, missing, publishConfirmed, publishedDuring, takeAll } from "../support/amqp";
import { containersOf, docker } from "../support/engine";
import { get } from "../support/load";
import { processesDuring } from "../support/processes";
import { QueueInfo, api, killAndStart, membersOf, runningBrokers, untilWhole } from "../support/rabbitmq";
import { TestStack, freePorts } from "../support/test-stack";

const NAME = "test-rabbit";
const PROGRAM = "test/stack/programs/rabbitmq-cluster/program.cjs";
const FILES = "/etc/rabbitmq/node/current";
const RATE = 200;

let stack: TestStack;
let amqpPort: number;
let managementPort: number;
let settings: Record<string, unknown>;
let access: BrokerAccess;

const containers = (count = 3) => Array.from({ length: count }, (_, index) => stack.container(`queue-${index + 1}`));
const first = () => stack.container("queue-1");

beforeAll(async () => {
  amqpPort = await freePorts(10);
  managementPort = amqpPort + 5;
  settings = {
    amqpPort,
    managementPort,
    users: [{ name: "orders" }, { name: "watcher", tags: ["monitoring"] }],
    vhosts: ["/", "spare"],
    permissions: [
      { user: "orders", configure: ".*", write: ".*", read: ".*" },
      { user: "watcher", vhost: "spare", read: ".*" },
    ],
    policies: [{ name: "short", pattern: "^short", definition: { "message-ttl": 60_000 } }],
  };
  stack = await TestStack.create(NAME, { network: { subnet: "10.193.0.0/24", first: "10.193.0.21" }, rabbitmq: settings }, PROGRAM);
  await stack.up();
  access = await loginOf("orders");
});

afterAll(async () => {
  await stack.remove();
});

async function loginOf(user: string, brokers = 3): Promise<BrokerAccess> {
  const { passwords } = JSON.parse(await stack.pulumi("stack", "output", "--json", "--show-secrets", "--stack", NAME)) as {
    passwords: Record<string, string>;
  };
  const endpoints = Array.from({ length: brokers }, (_, index) => `127.0.0.1:${amqpPort + index}`);
  return { endpoints, user, password: passwords[user] ?? "" };
}

/** Which containers run since when. */
async function identities(nodes: readonly string[]): Promise<string[]> {
  const found = await containersOf(stack.label);
  return nodes.map((node) => `${found[node]?.Id} ${found[node]?.State.StartedAt}`);
}

/** What a broker says to a login, or undefined where it takes it. */
async function refusalOf(user: string, password: string): Promise<string | undefined> {
  try {
    await (await connectTo({ ...access, user, password }, access.endpoints[0] ?? "")).close();
    return undefined;
  } catch (error) {
    return String(error);
  }
}

describe("a RabbitMQ cluster", () => {
  it("forms, with quorum queues by default, and with nothing to change", async () => {
    for (const container of containers()) expect(await runningBrokers(container)).toEqual(["queue-1", "queue-2", "queue-3"]);
    const connection = await connectAnywhere(access);
    await (await connection.createChannel()).assertQueue("usual", { durable: true });
    await connection.close();
    expect(await api<QueueInfo>(first(), "queues/%2F/usual?columns=name,type,members")).toMatchObject({ type: "quorum" });
    expect(await membersOf(first(), "usual")).toEqual(["queue-1", "queue-2", "queue-3"]);
    expect(await stack.preview()).toEqual([]);
  });

  it("publishes AMQP and its page on loopback only, and serves the page and the metrics", async () => {
    const page = await get(`http://127.0.0.1:${managementPort + 2}/`);
    expect(page.status).toBe(200);
    expect(page.body).toContain("RabbitMQ Management");
    expect(await docker("exec", first(), "curl", "-s", "http://127.0.0.1:15692/metrics")).toContain("rabbitmq_build_info");
    for (const [node, { Config, HostConfig }] of Object.entries(await containersOf(stack.label))) {
      expect.soft(Config.User, node).toBe("5672:5672");
      expect.soft(HostConfig, node).toMatchObject({ ReadonlyRootfs: true, CapDrop: ["ALL"], PidsLimit: 512 });
      expect.soft(HostConfig.CapAdd ?? [], node).toEqual([]);
      const addresses = Object.values(HostConfig.PortBindings ?? {}).flatMap((bindings) => bindings.map(({ HostIp }) => HostIp));
      expect.soft(addresses, node).toEqual(["127.0.0.1", "127.0.0.1"]);
    }
  });

  it("refuses guest, a wrong password and a user's work outside of its permissions", async () => {
    expect(await refusalOf("orders", access.password)).toBeUndefined();
    expect(await refusalOf("orders", "wrong")).toContain("ACCESS-REFUSED");
    expect(await refusalOf("guest", "guest")).toContain("ACCESS-REFUSED");
    // The broker closes the connection instead of opening the vhost.
    expect(await refusalOf("watcher", (await loginOf("watcher")).password)).toContain("ConnectionOpenOk; got <ConnectionClose");
    const users = await api<{ name: string }[]>(first(), "users?columns=name");
    expect(users.map(({ name }) => name).sort()).toEqual(["dockyard", "orders", "watcher"]);
  });

  it("shows neither cookie nor password in the state, in docker inspect, in a command line or in an environment", async () => {
    const seen = await processesDuring(() => stack.up({ rabbitmq: { ...settings, policies: [] } }));
    await stack.up({ rabbitmq: settings });
    const cookie = await docker("exec", first(), "cat", `${FILES}/.erlang.cookie`);
    const operator = /"dockyard:(.*)"/.exec(await docker("exec", first(), "cat", `${FILES}/operator.curl`))?.[1] ?? "";
    const hash = /"password_hash": "(.*)"/.exec(await docker("exec", first(), "cat", `${FILES}/definitions.json`))?.[1] ?? "";
    expect(
      await docker("exec", first(), "sh", "-c", `cd ${FILES} && stat --format '%n %a %u' .erlang.cookie operator.curl definitions.json`),
    ).toBe(".erlang.cookie 400 5672\noperator.curl 400 5672\ndefinitions.json 400 5672");
    const inspected = await docker("inspect", ...containers());
    const places = {
      state: [await stack.pulumi("stack", "export", "--stack", NAME), await stack.storedState()],
      inspect: [inspected],
      processes: seen,
    };
    for (const [place, texts] of Object.entries(places)) {
      for (const secret of [cookie, operator, access.password, hash]) {
        expect(secret.length).toBeGreaterThan(20);
        expect
          .soft(
            texts.filter((text) => text.includes(secret)),
            place,
          )
          .toEqual([]);
      }
    }
    // It would have seen them: what is no secret is found in each.
    expect(places.state[0]).toContain("policies/%2F/short");
    expect(inspected).toContain(`${FILES}/rabbitmq.conf`);
    expect(seen.join("\n")).toContain("operator.curl");
  });
});

describe("a RabbitMQ cluster that changes", () => {
  it("adds, changes and removes users, permissions, policies and vhosts and rotates a password, and replaces no container", async () => {
    const before = await identities(["queue-1", "queue-2", "queue-3"]);
    const old = access.password;
    const changed = {
      ...settings,
      users: [{ name: "orders" }, { name: "billing", tags: ["management"] }],
      given: { orders: "another-password-of-orders" },
      vhosts: ["/", "billing"],
      permissions: [
        { user: "orders", configure: ".*", write: ".*", read: ".*" },
        { user: "billing", vhost: "billing", read: "^bills$" },
      ],
      policies: [{ name: "long", pattern: "^long", definition: { "message-ttl": 120_000 } }],
    };
    await stack.up({ rabbitmq: changed });
    const names = async (path: string) => (await api<{ name: string }[]>(first(), `${path}?columns=name`)).map(({ name }) => name).sort();
    expect(await names("users")).toEqual(["billing", "dockyard", "orders"]);
    expect(await names("vhosts")).toEqual(["/", "billing"]);
    expect(await names("policies")).toEqual(["long"]);
    expect(await api(first(), "permissions/billing/billing")).toMatchObject({ configure: "^$", write: "^$", read: "^bills$" });
    expect(await refusalOf("orders", old)).toContain("ACCESS-REFUSED");
    expect(await refusalOf("orders", "another-password-of-orders")).toBeUndefined();
    expect(await stack.storedState()).not.toContain("another-password-of-orders");
    // What a broker reads when it starts again.
    expect(await docker("exec", first(), "cat", `${FILES}/definitions.json`)).toContain('"billing"');
    expect(await identities(["queue-1", "queue-2", "queue-3"])).toEqual(before);
    expect(await stack.preview()).toEqual([]);

    await stack.up({ rabbitmq: settings });
    access = await loginOf("orders");
    expect(await names("users")).toEqual(["dockyard", "orders", "watcher"]);
    expect(await refusalOf("orders", access.password)).toBeUndefined();
  });

  it("keeps a vhost that still has queues, and says so", async () => {
    await docker("exec", first(), "rabbitmqctl", "--quiet", "eval", DECLARE_IN_SPARE);
    const without = {
      ...settings,
      users: [{ name: "orders" }, { name: "passing" }],
      vhosts: ["/"],
      permissions: [{ user: "orders", configure: ".*", write: ".*", read: ".*" }],
    };
    expect(await stack.refusedUp({ rabbitmq: without })).toMatch(/the vhost spare still has queues, and they would go with it/);
    expect((await api<{ name: string }[]>(first(), "queues/spare?columns=name")).map(({ name }) => name)).toEqual(["kept"]);
    // Nothing else of it was done either, and what the brokers would read at their next start is taken back with it.
    const users = (await api<{ name: string }[]>(first(), "users?columns=name")).map(({ name }) => name).sort();
    expect(users).toEqual(["dockyard", "orders", "watcher"]);
    await stack.up({ rabbitmq: settings });
    expect(await docker("exec", first(), "cat", `${FILES}/definitions.json`)).not.toContain("passing");
    expect(await stack.preview()).toEqual([]);
  });

  it("grows to five and shrinks to three with every message kept and every queue on the brokers that are there", async () => {
    const before = await identities(["queue-1", "queue-2", "queue-3"]);
    const { confirmed } = await publishConfirmed(access, "kept", 2000, (count) => count >= 2000);
    await stack.up({ rabbitmq: { ...settings, brokers: 5 } });
    expect(await runningBrokers(first())).toEqual(["queue-1", "queue-2", "queue-3", "queue-4", "queue-5"]);
    expect(await membersOf(first(), "kept")).toEqual(["queue-1", "queue-2", "queue-3", "queue-4", "queue-5"]);
    expect(await stack.preview()).toEqual([]);

    // One that has members on those that go, as queues that are declared in a cluster of five do.
    const onLast: BrokerAccess = { ...access, endpoints: [`127.0.0.1:${amqpPort + 4}`] };
    const late = await publishConfirmed(onLast, "late", 2000, (count) => count >= 1000);
    await docker("kill", stack.container("queue-2"));
    expect(await stack.refusedUp({ rabbitmq: settings })).toMatch(/queue-5 (may not leave|cannot be spared now): /);
    expect((await containersOf(stack.label))["queue-5"]?.State.Running).toBe(true);
    await docker("start", stack.container("queue-2"));
    await untilWhole(containers(5));

    // A brace in a name is like one around the queues of a list.
    const alone = await connectTo(access, onLast.endpoints[0] ?? "");
    const channel = await alone.createChannel();
    await channel.assertQueue("a},{b", { durable: true, arguments: { "x-queue-type": "classic" } });
    expect(await stack.refusedUp({ rabbitmq: settings })).toMatch(/queue-5 may not leave: these queues are on it alone.*a},{b/s);
    const { "queue-5": fifth } = await containersOf(stack.label);
    expect([fifth?.State.Running, fifth?.HostConfig.RestartPolicy.Name]).toEqual([true, "always"]);
    expect(await runningBrokers(first())).toHaveLength(5);
    await channel.deleteQueue("a},{b");
    await alone.close();

    const during = await publishedDuring(access, "shrunk", RATE, () => stack.up({ rabbitmq: settings }));
    expect(during.failed).toEqual([]);
    expect(await runningBrokers(first())).toEqual(["queue-1", "queue-2", "queue-3"]);
    for (const queue of ["kept", "late", "shrunk"]) expect(await membersOf(first(), queue)).toEqual(["queue-1", "queue-2", "queue-3"]);
    expect((await identities(["queue-1", "queue-3"])).join()).toBe([before[0], before[2]].join());
    expect(await stack.preview()).toEqual([]);

    // What went comes back on the volume that it left behind, as a new broker.
    await stack.up({ rabbitmq: { ...settings, brokers: 5 } });
    expect(await membersOf(first(), "kept")).toEqual(["queue-1", "queue-2", "queue-3", "queue-4", "queue-5"]);
    await stack.up({ rabbitmq: settings });
    expect(missing(await takeAll(access, "kept"), confirmed)).toEqual([]);
    expect(missing(await takeAll(access, "late"), late.confirmed)).toEqual([]);
    expect(missing(await takeAll(access, "shrunk"), during.confirmed)).toEqual([]);
  });
});

describe("a RabbitMQ cluster whose brokers die", () => {
  it("keeps every confirmed message while each is killed once under publishing", async () => {
    const { confirmed, failed, longestPause } = await publishedDuring(access, "killed", 500, async () => {
      for (const container of containers()) await killAndStart(container, containers());
    });
    expect(failed).toEqual([]);
    expect(confirmed).toBeGreaterThan(1000);
    expect(missing(await takeAll(access, "killed"), confirmed)).toEqual([]);
    expect(longestPause).toBeLessThan(10_000);
  });

  it("loses what was never confirmed and kept on one broker, which the check notices", async () => {
    const connection = await connectTo(access, access.endpoints[0] ?? "");
    const channel = await connection.createChannel();
    const options = { durable: false, arguments: { "x-queue-type": "classic" } };
    await channel.assertQueue("control", options);
    for (let number = 0; number < 500; number++) channel.sendToQueue("control", Buffer.from(String(number)));
    // An answer behind them: the broker has read them all.
    expect((await channel.checkQueue("control")).queue).toBe("control");
    await killAndStart(first(), containers());
    const again = await connectTo(access, access.endpoints[0] ?? "");
    await (await again.createChannel()).assertQueue("control", options);
    await again.close();
    expect(missing(await takeAll(access, "control"), 500)).toHaveLength(500);
  });

  it("comes back with its messages after all are killed at once", async () => {
    // A queue that was there before: a broker writes down which queues it has half a second late.
    const { confirmed } = await publishConfirmed(access, "killed", 2000, (count) => count >= 500);
    await docker("kill", ...containers());
    await docker("start", ...containers());
    await untilWhole(containers());
    expect(missing(await takeAll(access, "killed"), confirmed)).toEqual([]);
  });

  it("comes back with its messages after npm run down", async () => {
    const { confirmed } = await publishConfirmed(access, "down", 2000, (count) => count >= 500);
    const dockyard = join(import.meta.dirname, "..", "..", "..", "scripts", "dockyard.mjs");
    await execa(process.execPath, [dockyard, "down", "--cwd", stack.folder, "--stack", NAME, "--non-interactive"], { stdin: "ignore" });
    expect(await containersOf(stack.label)).toEqual({});
    await stack.up();
    expect(await runningBrokers(first())).toEqual(["queue-1", "queue-2", "queue-3"]);
    access = await loginOf("orders");
    expect(missing(await takeAll(access, "down"), confirmed)).toEqual([]);
  });
});

/** Declares a quorum queue on the vhost that nobody may use. */
const DECLARE_IN_SPARE =
  'rabbit_amqqueue:declare(rabbit_misc:r(<<"spare">>, queue, <<"kept">>), true, false, [{<<"x-queue-type">>, longstr, <<"quorum">>}], none, <<"test">>).';
