import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { TOGETHER_COMMANDS } from "../../components/nginx-upsync-gateway/tier-args";
import { RedisCacheArgs, normalizeRedisCacheArgs } from "../../components/redis-cache/args";
import { RedisCache } from "../../components/redis-cache/redis-cache";
import { emptyNetwork, recordResources, settled } from "../mocks";

const registered = recordResources();
const network = emptyNetwork({ cache: "10.89.0.31", "cache-sentinel": "10.89.0.41", alone: "10.89.0.51" });
const clear = "in-clear" as unknown as pulumi.Output<string>;

describe("a Redis cache's arguments", () => {
  it("are one server that keeps what it is told, and evicts what was not used for long", () => {
    expect(normalizeRedisCacheArgs("cache", { network })).toMatchObject({
      replicas: 0,
      minReplicas: 0,
      port: 6379,
      memoryMiB: 256,
      maxmemoryShare: 0.6,
      maxmemoryPolicy: "allkeys-lru",
      persistence: "appendonly",
      bloom: "functions",
      users: [],
      filters: [],
    });
  });

  it("do not let filters be evicted, and a primary that is cut off from two replicas write", () => {
    const filters = [{ name: "seen", errorRate: 0.01, capacity: 1000 }];
    expect(normalizeRedisCacheArgs("cache", { network, filters, replicas: 2 })).toMatchObject({
      maxmemoryPolicy: "volatile-lru",
      minReplicas: 1,
    });
    expect(normalizeRedisCacheArgs("cache", { network, replicas: 1 }).minReplicas).toBe(0);
  });

  it("give a user no key, and neither the server's settings nor its functions", () => {
    const [user] = normalizeRedisCacheArgs("cache", { network, users: [{ name: "goods" }] }).users;
    expect(user).toMatchObject({ keys: [], channels: [] });
    expect(user?.commands).toEqual(expect.arrayContaining(["-@admin", "-@dangerous", "-function"]));
    const [other] = normalizeRedisCacheArgs("cache", {
      network,
      bloom: "module",
      users: [{ name: "goods", keys: ["a:*", "%R~b:*"] }],
    }).users;
    expect(other?.keys).toEqual(["~a:*", "%R~b:*"]);
    expect(other?.commands).toContain("+@bloom");
  });

  it("give a user more than the usual commands where it is asked for", () => {
    const users = [{ name: "goods" }, { name: "gateway", moreCommands: TOGETHER_COMMANDS }];
    const [usual, more] = normalizeRedisCacheArgs("cache", { network, users }).users;
    expect(more?.commands).toEqual([...(usual?.commands ?? []), "+eval", "+evalsha", "+time"]);
    expect(more).not.toHaveProperty("moreCommands");
    const refused = [{ name: "gateway", moreCommands: ["eval"] }];
    expect(() => normalizeRedisCacheArgs("cache", { network, users: refused })).toThrow(/cache\.users\[0\]\.commands: must be \+ or -/);
  });

  it.each([0, 1, -0.1, 1.5, NaN])("refuse the error rate %s", (errorRate) => {
    const filters = [{ name: "seen", errorRate, capacity: 10 }];
    expect(() => normalizeRedisCacheArgs("cache", { network, filters })).toThrow(/cache\.filters\[0\]\.errorRate: must be/);
  });

  it.each<[string, Partial<RedisCacheArgs>]>([
    ["persistence", { persistence: "sometimes" as "none" }],
    ["maxmemoryPolicy", { maxmemoryPolicy: "lru" as "noeviction" }],
    ["bloom", { bloom: "guess" as "module" }],
  ])("refuse a %s that there is not", (argument, given) => {
    expect(() => normalizeRedisCacheArgs("cache", { network, ...given })).toThrow(new RegExp(`cache\\.${argument}: must be one of `));
  });

  it("are refused all at once, each with what to do, and without a secret in the words", () => {
    const refused = () =>
      normalizeRedisCacheArgs("Cache", {
        network,
        replicas: 6,
        downAfterSeconds: 0,
        minReplicas: 6,
        memoryMiB: 32,
        maxmemoryShare: 1,
        cpus: 0,
        port: 65_535,
        bloomModule: "redisbloom.so",
        maxmemoryPolicy: "allkeys-lru",
        users: [
          { name: "default" },
          { name: "dockyard-sentinel" },
          { name: "a b" },
          { name: "twice" },
          { name: "twice", password: clear, keys: ["a b", ""], channels: [" "], commands: ["get", "+@read"] },
        ],
        filters: [
          { name: "a b", errorRate: 2, capacity: 0 },
          { name: "f", errorRate: 0.01, capacity: 100_000_000 },
          { name: "f", errorRate: 0.01, capacity: 1.5 },
        ],
      });
    expect(refused).toThrow(
      new RegExp(
        [
          /Cache\.name: must be lower-case letters.*, got "Cache"/,
          /Cache\.replicas: must be 0 to 5: .*, got 6/,
          /Cache\.downAfterSeconds: must be 1 to 60 whole seconds; .*, got 0/,
          /Cache\.minReplicas: must leave out one replica at least, .*, got 6/,
          /Cache\.memoryMiB: must be 64 or more: .*, got 32/,
          /Cache\.maxmemoryShare: must be above 0 and at most 0\.9: .*, got 1/,
          /Cache\.cpus: must be more than 0, got 0/,
          /Cache\.port: must leave a port up to 65535 for every server, or be null to publish none, got 65535/,
          /Cache\.bloomModule: must be the absolute path of a file in the image, got "redisbloom\.so"/,
          /Cache\.users\[0\]\.name: must not be default, .*; choose another name, got "default"/,
          /Cache\.users\[1\]\.name: must be another one: .*, got "dockyard-sentinel"/,
          /Cache\.users\[2\]\.name: must be 1 to 64 letters.*, got "a b"/,
          /Cache\.users\[4\]\.name: must be its own; rename or remove the other user, got "twice"/,
          /Cache\.users\[4\]\.password: must be a secret, .*, got "\(in clear\)"/,
          /Cache\.users\[4\]\.keys: must be a pattern without spaces, .*, got "~a b"/,
          /Cache\.users\[4\]\.keys: must be a pattern without spaces, .*, got "~"/,
          /Cache\.users\[4\]\.channels: must be a pattern without spaces, got " "/,
          /Cache\.users\[4\]\.commands: must be \+ or - and a command, .*, got "get"/,
          /Cache\.filters\[0\]\.name: must be 1 to 128 letters.*, got "a b"/,
          /Cache\.filters\[0\]\.errorRate: must be below 1 .*, got 2/,
          /Cache\.filters\[0\]\.capacity: must be a whole number.*, got 0/,
          /Cache\.filters\[2\]\.name: must be its own; rename or remove the other filter, got "f"/,
          /Cache\.filters\[2\]\.capacity: must be a whole number.*, got 1\.5/,
          /Cache\.filters: must take less than the 32 MiB .*, got "132 MiB"/,
          /Cache\.maxmemoryPolicy: must not be an allkeys-… with filters: .*, got "allkeys-lru"/,
        ]
          .map(({ source }) => source)
          .join("\\n"),
      ),
    );
    expect(refused).not.toThrow("in-clear");
  });
});

describe("a Redis cache", () => {
  const cache = new RedisCache("cache", {
    network,
    replicas: 2,
    port: 16_379,
    users: [
      { name: "goods", keys: ["goods:*"] },
      { name: "given", password: pulumi.secret("given-password") },
    ],
  });
  const alone = new RedisCache("alone", { network, port: null, persistence: "none" });

  it("gives clients its servers' and its Sentinels' addresses, and publishes the servers on loopback", async () => {
    expect(cache.endpoints.map(String)).toEqual(["10.89.0.31:6379", "10.89.0.32:6379", "10.89.0.33:6379"]);
    expect(cache.sentinels.map(String)).toEqual(["10.89.0.41:26379", "10.89.0.42:26379", "10.89.0.43:26379"]);
    expect(cache.published.map(String)).toEqual(["127.0.0.1:16379", "127.0.0.1:16380", "127.0.0.1:16381"]);
    expect(cache.primaryName).toBe("cache");
    await settled(registered);
    expect(registered.find(({ name }) => name === "cache-2")?.inputs).toMatchObject({
      hostname: "cache-2",
      user: "6379:6379",
      memory: 256,
      command: ["sh", "/etc/redis/node/current/start"],
      ports: [{ internal: 6379, external: 16_380 }],
      volumes: [
        { volumeName: "dockyard-unit-cache-2-data", containerPath: "/data" },
        { volumeName: "dockyard-unit-cache-2-config", containerPath: "/etc/redis/node", readOnly: true },
      ],
    });
    expect(registered.find(({ name }) => name === "cache-sentinel-3")?.inputs).toMatchObject({ ports: [], memory: 64 });
  });

  it("has no Sentinels where there is one server", async () => {
    expect([alone.sentinels, alone.published]).toEqual([[], []]);
    await settled(registered);
    const containers = registered.filter(({ type }) => type === "docker:index/container:Container").map(({ name }) => name);
    expect(containers.filter((name) => name.startsWith("alone"))).toEqual(["alone-1"]);
  });

  it("has one node's outputs in no other node, and its passwords in no command", () => {
    for (const { name, inputs } of registered.filter(({ type }) => type === "command:local:Command")) {
      expect(JSON.stringify(inputs.create), name).not.toMatch(/generated-cache|given-password/);
      if (name.endsWith("-config")) expect(inputs.stdin, name).toBeTypeOf("object");
    }
    for (const n of [1, 2, 3]) {
      const gate = registered.find(({ name }) => name === `cache-${n}-gate`);
      expect(gate?.inputs.triggers, `cache-${n}`).toEqual([`cache-${n}-id`]);
    }
  });

  it("tells its users' passwords as secrets, and no others", async () => {
    const told = cache.password("given");
    expect(await pulumi.isSecret(told)).toBe(true);
    for (const user of ["dockyard", "dockyard-replica", "nobody"])
      expect(() => cache.password(user)).toThrow(/cache\.users: must have it before it is asked for; there are goods, given, got/);
  });
});
