import { describe, expect, it } from "vitest";
import { withoutRotations } from "../../../scripts/rotation/configured";
import { interruption, roundsOf, statesOf } from "../../../scripts/rotation/rotate";
import { SecretResource, chosenSecret, overtaken, renderSecrets, secretsIn } from "../../../scripts/rotation/secrets";

const PASSWORD = "random:index/randomPassword:RandomPassword";
const KEY = "random:index/randomBytes:RandomBytes";
const resource = (type: string, component: string, name: string, created?: string): SecretResource => ({
  urn: `urn:pulumi:dev::shop::${component === "" ? "" : `dockyard:index:${component}$`}${type}::${name}`,
  type,
  created,
});
const resources = [
  resource(PASSWORD, "MysqlReplicaSet", "mysql-goods-password", "2026-01-01T00:00:00Z"),
  resource(PASSWORD, "MysqlReplicaSet", "mysql-goods-password-generation-1", "2026-01-03T22:00:00Z"),
  resource(KEY, "ConsulCluster", "discovery-gossip-key"),
  resource(PASSWORD, "RabbitmqCluster", "queue-operator-password", "2026-01-03T23:30:00Z"),
  resource(PASSWORD, "", "of-the-program"),
  resource("docker:index/volume:Volume", "RedisCache", "cache-1-data"),
];
const secrets = secretsIn(resources);

describe("the secrets of a stack", () => {
  it("are those that its components have generated", () => {
    expect(secrets.map(({ name, component, generations, made }) => [name, component, generations, made])).toEqual([
      ["discovery-gossip-key", "ConsulCluster", [0], undefined],
      ["mysql-goods-password", "MysqlReplicaSet", [0, 1], "2026-01-03T22:00:00Z"],
      ["queue-operator-password", "RabbitmqCluster", [0], "2026-01-03T23:30:00Z"],
    ]);
  });

  it("are listed with their ages, and with what stands in the way", () => {
    expect(renderSecrets(secrets, new Map(), new Date("2026-01-04T00:00:00Z")).split("\n")).toEqual([
      "secret                   of               age      rotations",
      "discovery-gossip-key     ConsulCluster    unknown  0",
      "mysql-goods-password     MysqlReplicaSet  2 h      1          a rotation is unfinished",
      "queue-operator-password  RabbitmqCluster  30 min   0          cannot be: the component itself changes the brokers' users with it, and could not go on halfway",
    ]);
    expect(renderSecrets(secrets, new Map(), new Date("2026-02-03T00:00:00Z"))).toContain("  30 days  1 ");
  });

  it("are chosen by their whole names, among those that can be rotated", () => {
    expect(chosenSecret(secrets, "discovery-gossip-key").component).toBe("ConsulCluster");
    expect(() => chosenSecret(secrets, "goods")).toThrow(
      "The stack has no generated secret goods; there are discovery-gossip-key, mysql-goods-password. One that was given is rotated where it comes from.",
    );
    expect(() => chosenSecret([], "of-the-program")).toThrow("of-the-program; it has none that can be rotated.");
    expect(() => chosenSecret(secrets, "queue-operator-password")).toThrow(
      "queue-operator-password cannot be rotated: the component itself",
    );
  });

  it("have overtaken a configuration that does not know their last rotation", () => {
    const names = (rotations: Parameters<typeof overtaken>[1]) => overtaken(secrets, rotations).map(({ name }) => name);
    expect(names(new Map())).toEqual(["mysql-goods-password"]);
    expect(names(new Map([["mysql-goods-password", { generation: 1, step: "offer" }]]))).toEqual([]);
    expect(names(new Map([["mysql-goods-password", { generation: 2 }]]))).toEqual([]);
  });
});

describe("the states of a rotation", () => {
  const [offer, change, over] = [{ generation: 3, step: "offer" }, { generation: 3, step: "switch" }, { generation: 3 }] as const;

  it("are three from the beginning, and those that are left after a cut, the last one once more", () => {
    expect(statesOf({ generation: 2 }, [2])).toEqual([offer, change, over]);
    expect(statesOf(offer, [2])).toEqual([offer, change, over]);
    expect(statesOf(offer, [2, 3])).toEqual([offer, change, over]);
    expect(statesOf(change, [2, 3])).toEqual([change, over]);
    expect(statesOf(over, [2, 3])).toEqual([over]);
  });

  it("end together for several secrets", () => {
    const rounds = roundsOf(
      new Map([
        ["a", [offer, change, over]],
        ["b", [over]],
      ]),
    );
    expect(rounds.map((round) => [round.get("a"), round.get("b")])).toEqual([
      [offer, over],
      [change, over],
      [over, over],
    ]);
  });
});

describe("clients of servers that know one secret", () => {
  const [offer, change, over] = [{ generation: 1, step: "offer" }, { generation: 1, step: "switch" }, { generation: 1 }] as const;
  const all = [offer, change, over];
  const of = (two: readonly object[], one: readonly object[]) => new Map([["two", two as typeof all], ["one", one as typeof all]]); // prettier-ignore
  const states = (rounds: ReturnType<typeof roundsOf>, name: string) => rounds.map((round) => round.get(name));

  it("go over in an `up` of their own", () => {
    const rounds = roundsOf(of(all, all), ["one"]);
    expect(states(rounds, "two")).toEqual([offer, change, change, over]);
    expect(states(rounds, "one")).toEqual([offer, offer, change, over]);
    expect(roundsOf(new Map([["one", all]]), ["one"])).toHaveLength(3);
  });

  it("do so as well after a cut, and not a second time", () => {
    const rounds = roundsOf(of([change, over], all), ["one"]);
    expect(states(rounds, "two")).toEqual([change, change, over]);
    expect(states(rounds, "one")).toEqual([offer, change, over]);
    expect(roundsOf(of([change, over], [change, over]), ["one"])).toHaveLength(2);
  });
});

describe("a rotation that was cut", () => {
  it("says what clients have to expect, and what finishes it", () => {
    const [safe, apart] = [interruption("a b", []), interruption("a b", ["b"])];
    expect(safe).toContain("The rotation of a b is unfinished, and nothing is lost. Clients are served with what they have.");
    expect(apart).toContain("New logins with b may be refused until it goes on; connections that are open stay.");
    for (const said of [safe, apart]) expect(said).toMatch(/`npm run rotate -- a b` goes on\.$/);
  });
});

describe("a configuration without its rotations", () => {
  it.each([
    ["config:\n  dockyard:rotations:\n    a: 1\n    b: 2 offer\n  dockyard:goods:\n    instances: 3\n"],
    ['config:\n  "dockyard:rotations": {"a": 1}\n  dockyard:goods:\n    instances: 3\n'],
    ["config:\n  dockyard:goods:\n    instances: 3\n  dockyard:rotations:\n    a: 1\n"],
    ["config:\n  dockyard:goods:\n    instances: 3\n"],
  ])("is the rest of %j", (text) => {
    expect(withoutRotations(text)).toBe("config:\n  dockyard:goods:\n    instances: 3\n");
  });

  it.each([
    ["config:\n  dockyard:rotations:\n    a: 1\n", ""],
    ["config:\n  dockyard:rotations:\n    a: 1\nencryptionsalt: v1:x\n", "encryptionsalt: v1:x\n"],
    [
      `{"config": {"dockyard:goods": {"instances": 3}, 'dockyard:rotations': {a: 1, b: 2 offer}}}`,
      '{"config": {"dockyard:goods": {"instances": 3}}}',
    ],
  ])("is what %j was before the first one", (text, before) => {
    expect(withoutRotations(text)).toBe(before);
  });
});
