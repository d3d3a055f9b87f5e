import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { announced } from "../changes/effects";
import { connectTo as connectToBroker } from "../support/amqp";
import { containersOf, docker } from "../support/engine";
import { sendOnce } from "../support/kafka";
import { get, underLoad, until } from "../support/load";
import { Logins, loginsDuring } from "../support/logins";
import { connectTo as connectToMysql } from "../support/mysql";
import { loginAt } from "../support/redis";
import { TestStack } from "../support/test-stack";

const NAME = "test-rotation";
const PROJECT_ROOT = join(import.meta.dirname, "..", "..", "..");
const [GOODS, ORDERS] = ["http://10.140.0.41:8000", "http://10.140.0.51:8000"];

/** One of each kind, and of what nodes log in to each other with. */
const ROTATED = [
  "mysql-goods-password",
  "mysql-replication-password",
  "mysql-keeper-token",
  "cache-goods-password",
  "cache-dockyard-password",
  "queue-orders-password",
  "queue-cookie",
  "events-visitor-password",
  "discovery-gossip-key",
  "ops-1-login-key",
  "ops-2-host-key",
];

let stack: TestStack;
let endpoints: Record<"consul" | "mysql" | "cache" | "queue" | "events", string[]>;
const folders: Record<string, string> = {};

beforeAll(async () => {
  const settings = { network: { subnet: "10.140.0.0/24", first: "10.140.0.1" } };
  stack = await TestStack.create(NAME, settings, "test/stack/programs/rotation/program.cjs");
  await stack.up();
  ({ endpoints } = await stack.outputs<{ endpoints: typeof endpoints }>());
  for (const volume of ["goods-1-config", "order-1-config", "discovery-1-config", "queue-1-config", "ops-1-ssh"])
    folders[volume] = await docker("volume", "inspect", "--format", "{{.Mountpoint}}", stack.container(volume));
  await until("goods are there", async () => (await get(`${GOODS}/goods/1`)).status === 200);
});

afterAll(async () => {
  await stack.remove();
});

function npm(...args: string[]) {
  const options = { all: true, stdin: "ignore", reject: false, detached: true } as const;
  return execa(process.execPath, [join(PROJECT_ROOT, "scripts", "dockyard.mjs"), ...args, "--cwd", stack.folder, "--stack", NAME], options);
}

async function succeeds(...args: string[]): Promise<string> {
  const began = performance.now();
  const { exitCode, all } = await npm(...args);
  expect(exitCode, all).toBe(0);
  console.log(
    `${args[0]}: ${Math.round((performance.now() - began) / 1000)} s, rounds of ${(all.match(/^Duration: .*/gm) ?? []).join(", ")}`,
  );
  return all;
}

/** Kills a command with all that it has started, when what it says has come so far. */
async function killedAt(point: RegExp, ...args: string[]): Promise<void> {
  const began = performance.now();
  const running = npm(...args);
  let [said, reached] = ["", false];
  running.all.on("data", (chunk: Buffer) => {
    said += chunk.toString();
    if (reached || !point.test(said)) return;
    reached = true;
    process.kill(-(running.pid ?? 0), "SIGKILL");
  });
  await running;
  expect(reached, said).toBe(true);
  console.log(`killed after ${Math.round((performance.now() - began) / 1000)} s`);
}

/** What a file of a volume holds now, as its container sees it. */
async function secretIn(volume: string, file: string): Promise<string> {
  return (await readFile(join(folders[volume] ?? "", "current", file), "utf8")).trim();
}

/** Text of the stack's configuration. */
const configuration = () => readFile(join(stack.folder, `Pulumi.${NAME}.yaml`), "utf8");

const first = (kind: keyof typeof endpoints) => endpoints[kind][0] ?? "";

async function askMysql(password: string): Promise<void> {
  const login = { nodes: [], user: "goods", password, database: "shop" };
  // As long as the driver itself waits for a connection: no other node could be asked instead.
  const connection = await connectToMysql(login, first("mysql").split(":")[0] ?? "", true, 10_000);
  try {
    await connection.query("SELECT 1");
  } finally {
    connection.destroy();
  }
}

async function askRedis(password: string): Promise<void> {
  const client = await loginAt(first("cache"), "goods", password);
  try {
    await client.call("GET", "goods:none");
  } finally {
    client.disconnect();
  }
}

async function askRabbitmq(password: string): Promise<void> {
  const connection = await connectToBroker({ endpoints: [], user: "orders", password }, first("queue"));
  await connection.close();
}

function askKafka(password: string): Promise<void> {
  return sendOnce({ brokers: endpoints.events, user: "visitor", password }, "visits", "visit");
}

/** One of the server's own tools with a cookie, which comes by standard input. */
function askErlang(cookie: string) {
  const script =
    'home=$(mktemp -d); umask 077; cat > "$home/.erlang.cookie"; HOME=$home rabbitmqctl --quiet cluster_status >/dev/null 2>&1; status=$?; rm -r "$home"; exit $status';
  return execa("docker", ["exec", "-i", stack.container("queue-2"), "bash", "-c", script], { input: cookie });
}

/** The keys of the gossip, each of which every server has. */
async function gossipKeys(): Promise<string[]> {
  const rings = JSON.parse((await get(`http://${first("consul")}/v1/operator/keyring`)).body) as {
    Keys: Record<string, number>;
    NumNodes: number;
  }[];
  for (const { Keys, NumNodes } of rings) for (const known of Object.values(Keys)) expect(known).toBe(NumNodes);
  return [...new Set(rings.flatMap(({ Keys }) => Object.keys(Keys)))];
}

const logIn = (from: string, to: string) => docker("exec", stack.container(from), "ssh", to, "true");

/** A request to one of the shop's services. */
async function sent(method: string, url: string, body: object, expected: number): Promise<void> {
  const { status, body: said } = await get(url, { method, headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  if (status !== expected) throw new Error(`${method} ${url}: ${status} ${said.slice(0, 200)}`);
}

/** The first log in for each request, with what is in the client's file at that moment; the last two ask who keeps connections. */
const clients = {
  mysql: { ask: async () => askMysql(await secretIn("goods-1-config", "database-password")), pauseMs: 200 },
  redis: { ask: async () => askRedis(await secretIn("goods-1-config", "cache-password")), pauseMs: 200 },
  // These two know one password of a user: who logs in between server and file tries again.
  rabbitmq: { ask: async () => askRabbitmq(await secretIn("order-1-config", "amqp-password")), pauseMs: 400, patienceMs: 90_000 },
  kafka: { ask: async () => askKafka(await secretIn("goods-1-config", "visitor-password")), pauseMs: 500, patienceMs: 90_000 },
  ssh: { ask: () => logIn("ops-1", "ops-2"), pauseMs: 1000 },
  consul: {
    ask: async () => expect((await get(`http://${first("consul")}/v1/kv/tried`, { method: "PUT", body: "x" })).body).toContain("true"),
    pauseMs: 200,
  },
  orders: { ask: () => sent("POST", `${ORDERS}/orders/`, { lines: [{ goodsId: 1, quantity: 1 }] }, 201), pauseMs: 200 },
  changes: { ask: () => sent("PUT", `${GOODS}/goods/3`, { name: "Fender", price: 1890 }, 200), pauseMs: 200 },
};

/** Seconds for which a new login may wait between the server's change and the client's. */
const APART_SECONDS = 20;

/** Does the work while clients ask, and none of them may be told that it cannot be served. */
async function whileAsked(by: Partial<typeof clients>, work: () => Promise<unknown>): Promise<Record<string, Logins>> {
  const urls = [1, 2, 3, 4, 5].map((id) => `${GOODS}/goods/${id}`);
  // The control, who never reads the file again: it is told so from the moment on at which the old one is refused.
  const stale = await secretIn("goods-1-config", "database-password");
  const control = { ask: () => askMysql(stale), pauseMs: 200 };
  let told: Record<string, Logins> = {};
  const reads = await underLoad(urls, 20, async () => (told = await loginsDuring({ ...by, control }, work)));
  console.log(`reads: ${reads.sent}, ${reads.failures.length} failed`);
  expect.soft(reads.failures).toEqual([]);
  for (const [client, { requests, repeated, longestMs, longestAt, failures }] of Object.entries(told)) {
    console.log(
      `${client}: ${requests}, ${repeated} logins repeated, longest ${longestMs} ms at ${longestAt}, ${failures.length} failed ${failures[0] ?? ""}`,
    );
    expect.soft(requests, client).toBeGreaterThan(5);
    if (client !== "control") expect.soft(failures.join("\n"), client).toBe("");
    else expect.soft(new Set(failures.map((failure) => failure.includes("Access denied"))), client).toEqual(new Set([true]));
  }
  expect.soft(told.control?.failures.length).toBeLessThan(told.control?.requests ?? 0);
  return told;
}

/** Which container each node has, and since when that runs: by these a replacement and a restart are seen. */
const livesOf = async () =>
  Object.fromEntries(Object.entries(await containersOf(stack.label)).map(([node, { Id, State }]) => [node, [Id, State.StartedAt]]));

const isUnchanged = () => stack.pulumi("preview", "--stack", NAME, "--expect-no-changes");

describe("a rotation", () => {
  it("is of a secret that there is and that its server takes while it runs, and touches nothing else", async () => {
    const listed = await succeeds("rotate", "--list");
    expect(listed).toMatch(/^mysql-goods-password +MysqlReplicaSet +\d+ min +0$/m);
    expect(listed).toMatch(/^queue-operator-password +RabbitmqCluster +\d+ min +0 +cannot be: the component itself/m);
    const file = join(stack.folder, `Pulumi.${NAME}.yaml`);
    const before = await readFile(file, "utf8");
    for (const [args, said] of [
      [["goods"], "The stack has no generated secret goods; there are cache-dockyard-password, cache-dockyard-replica-password, "],
      [["mysql-goods-password", "events-node-password"], "events-node-password cannot be rotated: brokers read it only when they start"],
    ] as const) {
      const { exitCode, all } = await npm("rotate", ...args);
      expect(all).toContain(said);
      expect(exitCode).toBe(1);
    }
    expect(await readFile(file, "utf8")).toBe(before);
  });

  it("has new secrets take the place of the old ones with no request failed, and the old ones refused", async () => {
    const old = {
      mysql: await secretIn("goods-1-config", "database-password"),
      redis: await secretIn("goods-1-config", "cache-password"),
      rabbitmq: await secretIn("order-1-config", "amqp-password"),
      kafka: await secretIn("goods-1-config", "visitor-password"),
      cookie: await secretIn("queue-1-config", ".erlang.cookie"),
      gossip: await gossipKeys(),
      login: await secretIn("ops-1-ssh", "id_ed25519"),
      hosts: await secretIn("ops-1-ssh", "known_hosts"),
    };
    // The control: all of them are taken now.
    await Promise.all([askMysql(old.mysql), askRedis(old.redis), askRabbitmq(old.rabbitmq), askKafka(old.kafka), askErlang(old.cookie)]);
    expect(old.gossip).toHaveLength(1);
    const lives = await livesOf();
    // Preview says that no container is touched.
    const configured = await configuration();
    const steps = await stack.preview({ rotations: Object.fromEntries(ROTATED.map((name) => [name, "1 offer"])) });
    expect(steps.filter(({ name }) => name.endsWith("-config"))).not.toEqual([]);
    expect(Object.values(announced(steps)).filter(({ container }) => container !== "untouched")).toEqual([]);
    // As Pulumi has written it.
    await writeFile(join(stack.folder, `Pulumi.${NAME}.yaml`), configured);
    const salts = async () => (await configuration()).match(/encryptionsalt/g)?.length ?? 0;
    const salted = await salts();

    let said = "";
    const { rabbitmq, kafka } = await whileAsked(clients, async () => (said = await succeeds("rotate", ...ROTATED)));
    for (const each of [rabbitmq, kafka]) expect.soft(each?.longestMs).toBeLessThan(APART_SECONDS * 1000);

    await expect(askMysql(old.mysql)).rejects.toThrow(/Access denied/);
    await expect(askRedis(old.redis)).rejects.toThrow(/WRONGPASS/);
    await expect(askRabbitmq(old.rabbitmq)).rejects.toThrow(/ACCESS.REFUSED/);
    await expect(askKafka(old.kafka)).rejects.toThrow();
    await expect(askErlang(old.cookie)).rejects.toThrow();
    await askErlang(await secretIn("queue-1-config", ".erlang.cookie"));
    const { encrypt } = JSON.parse(await secretIn("discovery-1-config", "gossip.json")) as { encrypt: string };
    expect(await gossipKeys()).toEqual([encrypt]);
    expect(old.gossip).not.toContain(encrypt);
    await expect(secretIn("ops-1-ssh", "id_ed25519")).rejects.toThrow("ENOENT");
    expect(await secretIn("ops-1-ssh", "id_ed25519-1")).not.toBe(old.login);
    const hosts = await secretIn("ops-1-ssh", "known_hosts");
    expect(hosts).not.toBe(old.hosts);
    expect(hosts.split("\n")).toHaveLength(2);
    expect(await livesOf()).toEqual(lives);
    await isUnchanged();

    const now = await Promise.all([
      secretIn("goods-1-config", "database-password"),
      secretIn("goods-1-config", "cache-password"),
      secretIn("order-1-config", "amqp-password"),
      secretIn("goods-1-config", "visitor-password"),
    ]);
    const [file, state] = [await configuration(), await stack.storedState()];
    expect(file).toMatch(/mysql-goods-password: 1\b/);
    expect(file).not.toMatch(/offer|switch/);
    expect.soft(await salts()).toBe(salted);
    expect(state).toContain("::mysql-goods-password-generation-1");
    for (const gone of ROTATED) expect(state).not.toContain(`::${gone}"`);
    // The control: this one was not rotated.
    expect(state).toContain('::queue-operator-password"');
    for (const secret of [old.mysql, old.redis, old.rabbitmq, old.kafka, old.cookie, ...old.gossip, encrypt, ...now])
      for (const text of [file, state, said]) expect(text).not.toContain(secret);
  });

  it("that was killed in each of its states is kept by an `up` and finished by the same command, with no request failed", async () => {
    const names = ["cache-goods-password", "mysql-goods-password", "queue-orders-password"];
    const old = {
      mysql: await secretIn("goods-1-config", "database-password"),
      redis: await secretIn("goods-1-config", "cache-password"),
      rabbitmq: await secretIn("order-1-config", "amqp-password"),
    };
    const { mysql, redis, rabbitmq, orders, changes } = clients;
    await whileAsked({ mysql, redis, rabbitmq, orders, changes }, async () => {
      await killedAt(/servers accept another[^]* cache-1-config updating/, "rotate", ...names);
      await Promise.all([askMysql(old.mysql), askRedis(old.redis), askRabbitmq(old.rabbitmq)]);
      const before = await configuration();
      const other = await npm("rotate", "queue-cookie");
      expect(other.all).toContain(`\`npm run rotate -- ${names.join(" ")}\` finishes it, then run this again.`);
      expect(other.exitCode).toBe(1);
      expect(await configuration()).toBe(before);

      // The clients' file is about to be written: servers accept both.
      await killedAt(/is gone on with[^]*clients use it[^]* goods-1-config updating/, "rotate", ...names);
      await Promise.all([askMysql(old.mysql), askRedis(old.redis), askRabbitmq(old.rabbitmq)]);
      expect(await succeeds("up", "--skip-preview")).toContain(`\`npm run rotate -- ${names.join(" ")}\` finishes it.`);
      await Promise.all([askMysql(old.mysql), askRedis(old.redis), askRabbitmq(old.rabbitmq)]);
      expect(await secretIn("goods-1-config", "database-password")).not.toBe(old.mysql);

      // The brokers have the new one, and their client is about to get it.
      await killedAt(/queue-orders-password: clients use it[^]* order-1-config updating/, "rotate", ...names);
      await killedAt(/the old one is refused[^]* mysql-1-config updating/, "rotate", ...names);
      expect(await succeeds("rotate", ...names)).toContain("is unfinished and is gone on with");
    });
    await expect(askMysql(old.mysql)).rejects.toThrow(/Access denied/);
    await expect(askRedis(old.redis)).rejects.toThrow(/WRONGPASS/);
    await expect(askRabbitmq(old.rabbitmq)).rejects.toThrow(/ACCESS.REFUSED/);
    await isUnchanged();
  });

  it("is not taken back by a rollback, nor by an older configuration", async () => {
    const file = join(stack.folder, `Pulumi.${NAME}.yaml`);
    const [now, password] = [await readFile(file, "utf8"), await secretIn("goods-1-config", "database-password")];
    expect(await succeeds("rollback", "--to", "1", "--yes")).toContain("Rotated secrets stay as they are: ");
    expect(await secretIn("goods-1-config", "database-password")).toBe(password);
    await askMysql(password);

    await stack.configure({});
    const older = await npm("up", "--skip-preview");
    expect(older.all).toMatch(/is older than its secrets\. Take over dockyard:rotations .*cache-goods-password: 2/);
    expect(older.exitCode).toBe(1);
    await writeFile(file, now);
    await isUnchanged();
  });
});
