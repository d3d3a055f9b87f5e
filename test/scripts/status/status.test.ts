import { describe, expect, it } from "vitest";
import { COMMAND, CONTAINER, StateResource } from "../../../scripts/state";
import { LastBackup, renderLastBackup } from "../../../scripts/status/last-backup";
import { Node } from "../../../scripts/status/look";
import { Run, renderProgress } from "../../../scripts/status/progress";
import { Told, questionFor, withLag } from "../../../scripts/status/roles";
import { renderTable } from "../../../scripts/status/table";
import { labels, urn } from "../drift/state";

function told(kind: string, answer: string, node = "a-1"): Told | undefined {
  return questionFor(kind, node)?.read(answer, node);
}

const KEEPER = { role: "replica", lagSeconds: 3 };
const KAFKA = JSON.stringify({ leader: "a-1", brokers: ["a-1", "a-2"], groupLag: { slow: 120, fast: 0 } });

describe("a node's role", () => {
  it.each<[string, string, string, Told]>([
    ["ConsulCluster", "raft:\n\tstate = Leader\nconsul:\n\tleader = true\n\tserver = true\n", "a-1", { role: "leader", lag: "" }],
    ["ConsulCluster", "consul:\n\tleader = false\n", "a-1", { role: "follower", lag: "" }],
    ["MysqlReplicaSet", JSON.stringify(KEEPER), "a-1", { role: "replica", lag: "3 s" }],
    ["MysqlReplicaSet", JSON.stringify({ ...KEEPER, lagSeconds: -1 }), "a-1", { role: "replica", lag: "" }],
    ["MysqlReplicaSet", JSON.stringify({ role: "source", lagSeconds: 0 }), "a-1", { role: "source", lag: "" }],
    ["RedisCache", "# Replication\r\nrole:master\r\nmaster_repl_offset:5000\r\n", "a-1", { role: "primary", lag: "", position: 5000 }],
    [
      "RedisCache",
      "role:slave\r\nmaster_link_status:up\r\nslave_repl_offset:4000\r\n",
      "a-1",
      { role: "replica", lag: "", position: 4000 },
    ],
    ["RedisCache", "role:slave\r\nmaster_link_status:down\r\n", "a-1", { role: "replica", lag: "no link" }],
    ["EsCluster", "a-2 - dim\na-1 * dim\n", "a-1", { role: "master", lag: "" }],
    ["EsCluster", "a-2 - dim\na-1 * dim\n", "a-2", { role: "data", lag: "" }],
    ["EsCluster", "a-3 - m\na-1 * dim\n", "a-3", { role: "eligible", lag: "" }],
    ["KafkaBroker", KAFKA, "a-1", { role: "controller", lag: "120 records" }],
    ["KafkaBroker", KAFKA, "a-2", { role: "broker", lag: "" }],
    ["KafkaBroker", KAFKA, "a-controller-1", { role: "voter", lag: "" }],
    ["BinlogSync", '{"phase":"following","behindMs":42}', "a-1", { role: "following", lag: "42 ms" }],
    ["BinlogSync", '{"phase":"loading","behindMs":0}', "a-1", { role: "loading", lag: "" }],
    ["HaproxyKeepalivedPair", "10.1.0.9\n10.1.0.8\n", "a-1", { role: "holds 10.1.0.8, 10.1.0.9", lag: "" }],
    ["HaproxyKeepalivedPair", "", "a-1", { role: "backup", lag: "" }],
  ])("of a %s is read off %j", (kind, answer, node, expected) => {
    expect(told(kind, answer, node)).toEqual(expected);
  });

  it.each(["ConsulCluster", "MysqlReplicaSet", "RedisCache", "EsCluster", "KafkaBroker", "BinlogSync", "BackupSchedule"])(
    "of a %s is not made up",
    (kind) => {
      expect(() => told(kind, "Error: connection refused")).toThrow();
    },
  );

  it("is asked of no Sentinel, and of no component without roles", () => {
    expect(questionFor("RedisCache", "cache-sentinel-2")).toBeUndefined();
    expect(questionFor("AppService", "goods-1")).toBeUndefined();
    expect(questionFor(undefined, "goods-1")).toBeUndefined();
  });

  it("has a replica of Redis behind its primary by what that has written since", () => {
    const primary: Told = { role: "primary", lag: "", position: 3_000_000 };
    const replica: Told = { role: "replica", lag: "", position: 1000 };
    expect(withLag(replica, [primary, replica]).lag).toBe("3 MiB");
    expect(withLag({ ...replica, position: 3_000_007 }, [primary]).lag).toBe("0 B");
    expect(withLag(replica, [replica]).lag).toBe("");
    expect(withLag(primary, [primary, replica])).toBe(primary);
  });
});

function node(component: string, ordinal: number, more: Partial<Node> = {}): Node {
  return {
    ...{ component, node: `${component}-${ordinal}`, kind: "AppService", host: "local", health: "healthy" },
    image: `dockyard/${component}:1.22.0-0123456789abcdef`,
    ...{ address: `10.89.0.${ordinal}`, ports: [], uptime: 3_723_000, told: undefined },
    ...more,
  };
}

const NODES = [
  node("discovery", 1, { told: { role: "leader", lag: "" } }),
  node("mysql", 2, { told: { role: "replica", lag: "12 s" }, uptime: 5000 }),
  node("proxy", 1, { told: { role: "holds 10.89.0.19", lag: "" } }),
  node("search", 1, { told: { role: "no answer", lag: "" }, health: "unhealthy" }),
  node("goods", 3, { health: "exited (137)", uptime: undefined, address: "" }),
];

describe("the table of nodes", () => {
  it("fits into a hundred columns, with hosts where there are several", async () => {
    const [one, several] = [renderTable(NODES), renderTable([...NODES, node("goods", 1, { host: "host-2" })])];
    await expect(`${one}\n\n${several}\n`).toMatchFileSnapshot("golden/table.txt");
    for (const line of `${one}\n${several}`.split("\n")) expect(line.length).toBeLessThanOrEqual(100);
  });
});

function container(name: string, component: string, created: string): StateResource {
  return { urn: urn(name), type: CONTAINER, created, inputs: { labels: labels(component, name) } };
}

const BEGAN = Date.parse("2026-11-29T10:00:00Z");
const [BEFORE, SINCE] = ["2026-11-28T10:00:00Z", "2026-11-29T10:00:05Z"];

function run(type: string, name: string, resources: StateResource[], kind = COMMAND): Run {
  return { began: BEGAN, pending: [{ type, resource: { urn: urn(name), type: kind } }], resources };
}

describe("the progress of a run", () => {
  const three = [
    container("discovery-1", "discovery", SINCE),
    container("discovery-2", "discovery", BEFORE),
    container("discovery-3", "discovery", BEFORE),
  ];

  it.each([
    ["deleting", "discovery-2-gate", "discovery: discovery-2 is asked whether it can be spared, 1 of 3 done"],
    ["creating", "discovery-1-gate", "discovery: discovery-1 is waited for until it is whole, 1 of 3 done"],
    ["updating", "discovery-3-config", "discovery: discovery-3 config is being changed, 1 of 3 done"],
    ["deleting", "discovery-3-membership", "discovery: discovery-3 leaves its cluster, 1 of 3 done"],
    ["deleting", "discovery-2-registration", "discovery: discovery-2 is being drained, 1 of 3 done"],
    ["creating", "discovery-2-registration", "discovery: discovery-2 is being registered, 1 of 3 done"],
    ["creating", "services", "services is being made"],
  ])("tells of %s %s what that is for", (type, name, line) => {
    expect(renderProgress(run(type, name, three))).toEqual([line]);
  });

  it("counts the node that is just being made anew, which the state does not have meanwhile", () => {
    const [first, second, third] = three as [StateResource, StateResource, StateResource];
    const replaced: Run = {
      began: BEGAN,
      pending: [{ type: "creating", resource: { ...second, created: undefined } }],
      resources: [first, third],
    };
    expect(renderProgress(replaced)).toEqual(["discovery: discovery-2 is being made, 1 of 3 done"]);
  });

  it("tells nodes apart whose names begin alike, and counts nothing where the backend does not say when the run began", () => {
    const nodes = [container("cache-1", "cache", BEFORE), container("cache-1-sentinel-1", "sentinels", BEFORE)];
    expect(renderProgress({ ...run("creating", "cache-1-sentinel-1-gate", nodes), began: undefined })).toEqual([
      "sentinels: cache-1-sentinel-1 is waited for until it is whole",
    ]);
  });
});

describe("the last backup", () => {
  const now = Date.parse("2026-11-29T06:02:03Z");
  const last: LastBackup = {
    target: "s3://backups/shop",
    sets: 7,
    set: { id: "20261129T030000Z-ab12", began: "2026-11-29T03:00:00.2Z", reason: "scheduled", bytes: 12_600_000 },
    failure: null,
    next: "2026-11-30T03:00:00Z",
    binlogUntil: "2026-11-29T06:01:43Z",
    unfinishedRestore: null,
  };

  it("is told with its age, the next one, and how far rows reach", () => {
    expect(renderLastBackup(last, now)).toBe(
      "The last set is 20261129T030000Z-ab12, 3h 2m ago, with 12 MiB (scheduled), of 7 in s3://backups/shop. The next one is due in 20h 57m. " +
        "MySQL's rows can be taken to any moment up to 20s ago.",
    );
    expect(told("BackupSchedule", JSON.stringify(last))).toMatchObject({
      role: "",
      remark: expect.stringMatching(/^The last set is/) as string,
    });
  });

  it("is told to be missing, and so is what went wrong", () => {
    const failure = { at: "2026-11-29T06:00:00Z", error: "no set was taken: no space left on device" };
    const unfinishedRestore = { id: "20261128T030000Z-ab12", remedy: "`npm run restore -- 20261128T030000Z-ab12 --yes` finishes it" };
    const poor = { ...last, sets: 0, set: null, failure, unfinishedRestore, next: "2026-11-29T06:02:00Z" };
    expect(renderLastBackup(poor, now)).toBe(
      "There is no set in s3://backups/shop yet. The next one is due now.\n" +
        "The last run failed 2m 3s ago: no set was taken: no space left on device\n" +
        "A restore of 20261128T030000Z-ab12 is under way or was cut: `npm run restore -- 20261128T030000Z-ab12 --yes` finishes it",
    );
  });
});
