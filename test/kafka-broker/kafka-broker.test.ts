import * as pulumi from "@pulumi/pulumi";
import { Command } from "@pulumi/command/local/command";
import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { Host } from "../../components/core/host";
import { KafkaBrokerArgs, normalizeKafkaBrokerArgs } from "../../components/kafka-broker/args";
import { renderApplyDeclared, renderDeclared } from "../../components/kafka-broker/declared-command";
import { KafkaBroker } from "../../components/kafka-broker/kafka-broker";
import { KafkaMember, renderAdmin, renderPeers, renderServerProperties, renderStartScript } from "../../components/kafka-broker/kafka-conf";
import { kafkaLeaveCommand, kafkaSpareCondition, kafkaWholeCondition } from "../../components/kafka-broker/kafka-gate";
import { emptyNetwork, recordResources, settled } from "../mocks";

const registered = recordResources();
const ADDRESSES = { events: "10.89.0.201", "events-controller": "10.89.0.206" };
const network = emptyNetwork(ADDRESSES);
const dockers = [["docker"]];
const refs = [1, 2, 3, 4].map((id) => ({ name: `events-${id}`, id, docker: ["docker"], container: `shop-dev-events-${id}` }));
const [first, , , fourth] = refs;
if (!first || !fourth) throw new Error("there are four");

const member = (changes: Partial<KafkaMember> = {}): KafkaMember => ({
  name: "events-1",
  id: 1,
  address: "10.89.0.201",
  broker: true,
  controller: true,
  ...changes,
});
const normalize = (args: Partial<KafkaBrokerArgs> = {}, partitions: Record<string, number> = {}, voters: readonly string[] = []) =>
  normalizeKafkaBrokerArgs("events", { network, ...args }, () => ({ partitions, voters }));

describe("a Kafka cluster's arguments", () => {
  it("are three brokers that are controllers as well, with half of the memory as heap", () => {
    expect(normalize({ topics: [{ name: "orders" }] })).toMatchObject({
      brokers: 3,
      controllers: 0,
      port: 9092,
      memoryMiB: 768,
      heapMiB: 384,
      onLeave: "refuse",
      topics: [{ name: "orders", partitions: 3, replication: 3, minInSync: 2 }],
    });
  });

  it("replicate nothing with a single broker", () => {
    expect(normalize({ brokers: 1, topics: [{ name: "orders" }] }).topics).toMatchObject([{ replication: 1, minInSync: 1 }]);
  });

  it("spell each right out, once", () => {
    const users = [{ name: "shop" }];
    const acls = [
      { user: "shop", topic: "orders", operations: ["read", "write"] as const },
      { user: "shop", topic: "orders", operations: ["read"] as const },
      { user: "shop", group: "shop-", prefixed: true, operations: ["read"] as const },
    ];
    expect(normalize({ users, acls }).acls).toEqual([
      { user: "shop", resource: "topic", name: "orders", pattern: "literal", operation: "read" },
      { user: "shop", resource: "topic", name: "orders", pattern: "literal", operation: "write" },
      { user: "shop", resource: "group", name: "shop-", pattern: "prefixed", operation: "read" },
    ]);
  });

  it.each<[string, Partial<KafkaBrokerArgs>, string]>([
    ["two brokers", { brokers: 2 }, "events.brokers: must be 1, or 3 to 9: of two, neither could be away"],
    [
      "an even number of controllers",
      { controllers: 2 },
      "events.controllers: must be 0, or 1, 3 or 5; an even number cannot hold a majority",
    ],
    [
      "more replicas than brokers",
      { topics: [{ name: "orders", replication: 4 }] },
      "events.topics[0].replication: must be 1 to 3, as many as there are brokers; lower it or raise brokers, got 4",
    ],
    [
      "a minimum that spares no broker",
      { topics: [{ name: "orders", minInSync: 3 }] },
      "events.topics[0].minInSync: must be below the replication of 3",
    ],
    ["no partition", { topics: [{ name: "orders", partitions: 0 }] }, "events.topics[0].partitions: must be 1 to 1000"],
    ["a topic of Kafka's own", { topics: [{ name: "__consumer_offsets" }] }, "events.topics[0].name: must be 1 to 249 letters"],
    [
      "topics that metrics cannot tell apart",
      { topics: [{ name: "a.b" }, { name: "a_b" }] },
      "events.topics[1].name: must be its own, also with '.' taken for '_'",
    ],
    [
      "the same minimum twice",
      { topics: [{ name: "orders", settings: { "min.insync.replicas": 1 } }] },
      "events.topics[0].settings: must be left to minInSync",
    ],
    [
      "a setting that is none",
      { topics: [{ name: "orders", settings: { "Retention MS": 1 } }] },
      "events.topics[0].settings: must be a setting of topics",
    ],
    ["the component's own user", { users: [{ name: "node" }] }, "events.users[0].name: must be another one"],
    ["two users of one name", { users: [{ name: "a" }, { name: "a" }] }, "events.users[1].name: must be its own"],
    [
      "a password in clear",
      { users: [{ name: "a", password: "secret" as unknown as pulumi.Output<string> }] },
      "events.users[0].password: must be a secret",
    ],
    [
      "a right of nobody",
      { acls: [{ user: "shop", topic: "a", operations: ["read"] }] },
      "events.acls[0].user: must be one of users: there are none",
    ],
    [
      "a right to two things",
      { users: [{ name: "a" }], acls: [{ user: "a", topic: "a", group: "b", operations: ["read"] }] },
      "events.acls[0]: must name one topic, group or transactionalId",
    ],
    [
      "a right to do nothing",
      { users: [{ name: "a" }], acls: [{ user: "a", topic: "a", operations: [] }] },
      "events.acls[0].operations: must name some of all, read",
    ],
    ["a heap that leaves nothing", { memoryMiB: 500, heapMiB: 400 }, "events.heapMiB: must be at most 6/10 of memoryMiB (500)"],
    ["a port that leaves no room", { port: 65_534 }, "events.port: must leave a port up to 65535 for every broker"],
  ])("refuse %s, with what to do", (_, args, said) => {
    expect(() => normalize(args)).toThrow(said);
  });

  it("refuse fewer partitions than a topic has, and only those", () => {
    const live = { orders: 6, other: 12 };
    expect(() => normalize({ topics: [{ name: "orders", partitions: 4 }] }, live)).toThrow(
      "events.topics[0].partitions: must be 6 or more: the topic has that many, and Kafka takes none away; make another topic and move its readers, got 4",
    );
    expect(() => normalize({ topics: [{ name: "orders", partitions: 6 }] }, live)).not.toThrow();
  });

  it("refuse to make another kind of a cluster that runs", () => {
    const [combined, apart] = [["events-1"], ["events-controller-1"]];
    expect(() => normalize({ controllers: 3 }, {}, combined)).toThrow(
      "events.controllers: must be 0: the controllers of this cluster are its brokers; make another cluster to have them apart, got 3",
    );
    expect(() => normalize({}, {}, apart)).toThrow("events.controllers: must be 1, 3 or 5: this cluster has controllers of their own");
    expect(() => normalize({ controllers: 3 }, {}, apart)).not.toThrow();
    expect(() => normalize({ brokers: 3 }, {}, combined)).not.toThrow();
  });

  it("are refused all at once", () => {
    const refused = () =>
      normalizeKafkaBrokerArgs("Events", { network, brokers: 2, controllers: 4, cpus: 0, port: 0, memoryMiB: 100 }, () => ({
        partitions: {},
        voters: [],
      }));
    for (const path of ["name", "brokers", "controllers", "cpus", "port", "heapMiB"]) expect(refused).toThrow(`Events.${path}: must`);
  });
});

describe("a Kafka node's files", () => {
  it.each<[string, KafkaMember, number | null]>([
    ["combined", member(), 9092],
    ["broker", member({ name: "events-4", id: 4, address: "10.89.0.204", controller: false }), null],
    ["controller", member({ name: "events-controller-1", id: 101, address: "10.89.0.206", broker: false }), null],
  ])("are those of a node that is %s", async (role, node, port) => {
    const published = port === null ? null : { host: "127.0.0.1", port };
    await expect(renderServerProperties({ member: node, published })).toMatchFileSnapshot(`golden/server-${role}.properties`);
    const script = renderStartScript(node, "MkU3OEVBNTcwNTJENDM2Qg");
    expect(spawnSync("sh", ["-n"], { input: script }).status).toBe(0);
    await expect(script).toMatchFileSnapshot(`golden/start-${role}.sh`);
  });

  it("say where the others are", async () => {
    const members = [member(), member({ name: "events-2", id: 2, address: "10.89.0.202" })];
    await expect(renderPeers(members, 3, 2)).toMatchFileSnapshot("golden/peers.properties");
    await expect(renderAdmin("events-1", "MkU3OEVBNTcwNTJENDM2Qg", members)).toMatchFileSnapshot("golden/admin.json");
  });

  it("have what is declared go to whichever node answers", async () => {
    const declared = renderDeclared({
      brokers: [1, 2, 3],
      topics: normalize({ topics: [{ name: "orders", settings: { "retention.ms": 1000 } }] }).topics,
      passwords: { shop: "word" },
      acls: [],
    });
    expect(JSON.parse(declared)).toEqual({
      brokers: [1, 2, 3],
      replication: 3,
      minInSync: 2,
      topics: [{ name: "orders", partitions: 3, replication: 3, settings: { "retention.ms": "1000", "min.insync.replicas": "2" } }],
      users: [{ name: "shop", password: "word" }],
      acls: [],
    });
    const command = renderApplyDeclared(refs.slice(0, 3));
    expect(spawnSync("sh", ["-n"], { input: command }).status).toBe(0);
    await expect(command).toMatchFileSnapshot("golden/declared.sh");
  });
});

describe("a Kafka node that leaves", () => {
  const leaving = { component: "events", dockers, move: false, mayBeLast: false };

  it("asks those that stay, and nobody where it is the last", async () => {
    const command = kafkaLeaveCommand({ ...leaving, node: fourth, survivors: refs.slice(0, 3) });
    expect(spawnSync("sh", ["-n"], { input: command }).status).toBe(0);
    await expect(command).toMatchFileSnapshot("golden/leave.sh");
    expect(spawnSync("sh", ["-c", kafkaLeaveCommand({ ...leaving, node: first, survivors: [] })]).status).toBe(0);
  });

  it("has its partitions moved where that is asked for", () => {
    expect(kafkaLeaveCommand({ ...leaving, move: true, node: fourth, survivors: refs.slice(0, 3) })).toContain(
      "leave --node events-4 --id 4 --move",
    );
  });

  it("stays where nobody answers, and does nothing while the whole stack stops", () => {
    const script = `docker() { return 1; }\n${kafkaLeaveCommand({ ...leaving, node: fourth, survivors: refs.slice(0, 3) })}`;
    const refused = spawnSync("sh", ["-c", script], { encoding: "utf8" });
    expect(refused).toMatchObject({ status: 1 });
    expect(refused.stderr).toContain("shop-dev-events-4 may not leave: none of the others answers");
    expect(spawnSync("sh", ["-c", script], { env: { ...process.env, DOCKYARD_STOP: "1" } }).status).toBe(0);
  });

  it("is given little time where it stops last, and where the controllers go on all that it needs", () => {
    const stopped = (running: readonly string[], env: Record<string, string>) => {
      const docker = `docker() { if [ "$1" = ps ]; then printf '%s\\n' ${running.join(" ")}; else echo "$*" >&2; fi; }`;
      const script = `${docker}\n${kafkaLeaveCommand({ ...leaving, mayBeLast: true, node: first, survivors: [] })}`;
      const { status, stderr } = spawnSync("sh", ["-c", script], { encoding: "utf8", env: { PATH: process.env.PATH, ...env } });
      return { status, stderr };
    };
    const stop = { DOCKYARD_STOP: "1" };
    expect(stopped(["shop-dev-events-1"], stop)).toEqual({ status: 0, stderr: "stop --time 3 shop-dev-events-1\n" });
    expect(stopped(["shop-dev-events-2", "shop-dev-events-1"], stop)).toEqual({ status: 0, stderr: "" });
    expect(stopped(["shop-dev-events-1"], {})).toEqual({ status: 0, stderr: "" });
  });
});

describe("a Kafka node's gate", () => {
  /** Runs a condition with an engine that lists these containers, and whose nodes answer so: what they say and their status. */
  function gate(condition: string, containers: readonly string[], answers: Readonly<Record<string, readonly [string, number]>>) {
    const execs = Object.entries(answers).map(([node, [said, status]]) => `*" exec ${node} "*) echo '${said}'; return ${status} ;;`);
    const list = containers.map((each) => `shop-dev-events-${each}`);
    const script = [
      `docker() { case " $* " in *" ps --all "*) printf '%s\\n' ${list.join(" ")} ;; *" ps "*) printf '%s\\n' ${list.map((each) => each.split(":")[0]).join(" ")} ;; ${execs.join(" ")} *) return 1 ;; esac; }`,
      "docker=docker",
      condition,
    ].join("\n");
    const { status, stdout } = spawnSync("sh", ["-c", script], { encoding: "utf8" });
    return { status, said: stdout.trim() };
  }

  it("asks the node itself whether it is whole", () => {
    const condition = kafkaWholeCondition(first, "events", dockers);
    expect(gate(condition, ["1:running"], { "shop-dev-events-1": ["", 0] })).toEqual({ status: 0, said: "" });
    expect(gate(condition, ["1:running"], { "shop-dev-events-1": ["behind", 1] })).toEqual({ status: 1, said: "behind" });
  });

  it("asks another one whether a node can be spared that cannot tell", () => {
    const condition = kafkaSpareCondition(first, "events", dockers);
    const three = ["1:running", "2:running", "3:running"];
    expect(gate(condition, ["1:running"], {}).status).toBe(0);
    expect(gate(condition, three, { "shop-dev-events-1": ["nobody", 2], "shop-dev-events-2": ["", 0] }).status).toBe(0);
    expect(gate(condition, three, { "shop-dev-events-1": ["is paused", 1], "shop-dev-events-2": ["orders-0", 4] })).toEqual({
      status: 1,
      said: "orders-0",
    });
    expect(gate(condition, three, {})).toEqual({ status: 1, said: "no node knows the others:" });
  });

  it("takes an engine that does not answer for no answer", () => {
    for (const condition of [kafkaSpareCondition, kafkaWholeCondition]) {
      const script = `docker() { case "$*" in *host-b*) return 1 ;; *) echo shop-dev-events-1:running ;; esac; }\ndocker=docker\n`;
      const engines = [["docker"], ["docker", "-H", "host-b"]];
      expect(spawnSync("sh", ["-c", script + condition(first, "events", engines)]).status).toBe(1);
    }
  });
});

describe("a Kafka cluster", () => {
  it("is nodes in a row, with users' passwords as secrets", async () => {
    const events = new KafkaBroker("events", { network, users: [{ name: "shop" }], controllers: 1 });
    expect(events.endpoints.map(String)).toEqual(["10.89.0.201:9092", "10.89.0.202:9092", "10.89.0.203:9092"]);
    expect(events.published.map(String)).toEqual(["127.0.0.1:9092", "127.0.0.1:9093", "127.0.0.1:9094"]);
    expect(() => events.password("nobody")).toThrow("events.users: must have it before it is asked for; there are shop");
    expect(await pulumi.isSecret(events.password("shop"))).toBe(true);
    // Its password is good by then.
    new Command("writer", { environment: { PASSWORD: events.password("shop") } });
    const names = (await settled(registered)).map(({ name }) => name);
    expect(names.indexOf("writer")).toBeGreaterThan(names.indexOf("events-declared"));
    const containers = registered.filter(({ type }) => type === "docker:index/container:Container");
    expect(containers.map(({ name }) => name)).toEqual(["events-controller-1", "events-1", "events-2", "events-3"]);
    expect(containers[0]?.inputs).toMatchObject({ ports: [], readOnly: true, user: "9092:9092" });
  });

  it("asks the first broker that runs for its topics", () => {
    const asked: string[] = [];
    const said = (container: string) => {
      asked.push(container);
      return container.endsWith("events-2") ? '{"partitions":{"orders":9},"voters":["events-1"]}' : undefined;
    };
    const busy = emptyNetwork(ADDRESSES, "10.89.0.0/24", new Host({ name: "local", inventory: { networks: [], ports: [], said } }));
    expect(() => new KafkaBroker("events", { network: busy, topics: [{ name: "orders" }] })).toThrow(
      "events.topics[0].partitions: must be 9 or more",
    );
    expect(asked).toEqual(["dockyard-unit-events-1", "dockyard-unit-events-2"]);
  });
});
