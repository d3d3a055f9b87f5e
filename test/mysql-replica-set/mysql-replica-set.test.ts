import * as pulumi from "@pulumi/pulumi";
import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { MysqlReplicaSetArgs, normalizeMysqlReplicaSetArgs } from "../../components/mysql-replica-set/args";
import { renderMyCnf } from "../../components/mysql-replica-set/my-cnf";
import { MysqlReplicaSet } from "../../components/mysql-replica-set/mysql-replica-set";
import { renderAccess, renderKeeperConfig } from "../../components/mysql-replica-set/set-files";
import { nodeLeaveCommand, nodeSpareCondition, nodeWholeCondition, settledCommand } from "../../components/mysql-replica-set/set-gate";
import { emptyNetwork, recordResources, settled } from "../mocks";

const registered = recordResources();
const network = emptyNetwork({ mysql: "10.89.0.171" });
const clear = "in-clear" as unknown as pulumi.Output<string>;
const node = { name: "mysql-1", docker: ["docker"], container: "shop-dev-mysql-1" };

describe("a MySQL replica set's arguments", () => {
  it("are a source and two replicas, of which one acknowledges every commit", () => {
    expect(normalizeMysqlReplicaSetArgs("mysql", { network })).toMatchObject({
      replicas: 2,
      semiSync: true,
      acks: 1,
      lagSeconds: 10,
      firstServerId: 1,
      port: 3306,
      memoryMiB: 1024,
      databases: [],
      users: [],
    });
  });

  it("are a server alone that waits for nobody where there are no replicas", () => {
    expect(normalizeMysqlReplicaSetArgs("mysql", { network, replicas: 0 })).toMatchObject({ replicas: 0, semiSync: false });
  });

  it.each<[string, Partial<MysqlReplicaSetArgs>, string]>([
    ["nine replicas", { replicas: 9 }, "mysql.replicas: must be a whole number from 0 to 8, got 9"],
    [
      "commits that wait for nobody",
      { replicas: 0, semiSync: true },
      "mysql.semiSync: must be false without replicas: every commit would wait",
    ],
    [
      "more acknowledgements than replicas",
      { replicas: 1, acks: 2 },
      "mysql.acks: must be a whole number from 1 to 1, the replicas that there are",
    ],
    ["server ids out of their range", { firstServerId: 2 ** 32 - 1 }, "mysql.firstServerId: must be a whole number from 1 to 2147483639"],
    [
      "a server id for all",
      { settings: { "server-id": 7 } },
      "mysql.settings.server-id: must be left out: two nodes would have the same; set firstServerId",
    ],
    ["what the set depends on", { settings: { gtid_mode: "OFF" } }, "mysql.settings.gtid_mode: must be left out: the component sets it"],
    ["semi-synchronous replication behind its back", { settings: { "loose-rpl-semi-sync-source-timeout": 1 } }, "must be left out"],
    ["too little memory", { memoryMiB: 256 }, "mysql.memoryMiB: must be a whole number of MiB from 512"],
    ["a database of the server's", { databases: ["mysql"] }, "mysql.databases[0]: must be another one: the server has it for itself"],
    ["a user of the server's", { users: [{ name: "root" }] }, "mysql.users[0].name: must be another one than root, repl"],
    ["a password in clear", { users: [{ name: "a", password: clear }] }, "mysql.users[0].password: must be a secret"],
    [
      "a grant on a database that is not there",
      { users: [{ name: "a", grants: [{ privileges: ["SELECT"], database: "shop" }] }] },
      "mysql.users[0].grants[0].database: must be one of databases, or * for all; there are none",
    ],
    [
      "who could write to replicas",
      { users: [{ name: "a", grants: [{ privileges: ["SUPER"], database: "*" }] }] },
      "mysql.users[0].grants[0].privileges: must be left out",
    ],
  ])("refuse %s, with what to do", (_, args, said) => {
    expect(() => normalizeMysqlReplicaSetArgs("mysql", { network, ...args })).toThrow(said);
  });

  it("are refused all at once, and without a secret in the words", () => {
    const refused = () =>
      normalizeMysqlReplicaSetArgs("Mysql", {
        network,
        replicas: -1,
        lagSeconds: 0,
        port: 0,
        cpus: 0,
        databases: ["a b", "twice", "twice"],
        users: [{ name: "twice" }, { name: "twice", password: clear }],
      });
    for (const path of [
      "name",
      "replicas",
      "lagSeconds",
      "port",
      "cpus",
      "databases[0]",
      "databases[2]",
      "users[1].name",
      "users[1].password",
    ])
      expect(refused).toThrow(`Mysql.${path}: must`);
    expect(refused).not.toThrow("in-clear");
  });
});

describe("a MySQL node's files", () => {
  it("are sized by the memory limit, and what is given comes last", async () => {
    const settings = { "long-query-time": 1, max_connections: 77 };
    await expect(renderMyCnf({ serverId: 3, address: "10.89.0.173", memoryMiB: 2048, settings })).toMatchFileSnapshot("golden/my.cnf");
  });

  it("leave a small limit to more than the pool", async () => {
    await expect(renderMyCnf({ serverId: 1, address: "10.89.0.171", memoryMiB: 512, settings: {} })).toMatchFileSnapshot(
      "golden/my-small.cnf",
    );
  });

  it("tell the keeper its set and its users", async () => {
    const members = [1, 2].map((n) => ({ name: `mysql-${n}`, address: `10.89.0.17${n}` }));
    await expect(renderKeeperConfig("mysql-2", members, { semiSync: true, acks: 1, lagSeconds: 10 })).toMatchFileSnapshot(
      "golden/keeper.json",
    );
    const users = [{ name: "goods", requireTls: true, grants: [{ privileges: ["SELECT"], database: "shop", table: "*" }] }];
    await expect(renderAccess(["shop"], users, { goods: ["a password"] })).toMatchFileSnapshot("golden/access.json");
    const rotated = JSON.parse(renderAccess(["shop"], users, { goods: ["the new one", "the old one"] })) as { users: unknown };
    expect(rotated.users).toMatchObject([{ name: "goods", password: "the new one", previous: "the old one" }]);
  });
});

describe("a MySQL node's gates", () => {
  /** Runs a command with a docker that has two nodes and prints what their keepers are asked. */
  const run = (command: string, env = {}) =>
    spawnSync(
      "sh",
      [
        "-c",
        `docker() { case "$*" in *State*) echo running ;; ps*) printf 'shop-dev-mysql-%s\\n' 1 2 ;; *) echo "$*"; [ -z "\${DEAF:-}" ] ;; esac; }\n${command}`,
      ],
      { encoding: "utf8", env: { PATH: process.env.PATH, docker: "docker", ...env } },
    );

  it("ask the keeper, and tell it which nodes have a container", () => {
    expect(run(nodeWholeCondition(node, "mysql", [["docker"]])).stdout).toBe(
      "exec shop-dev-mysql-1 mysql-keeper whole --made mysql-1,mysql-2\n",
    );
    expect(run(nodeSpareCondition(node, "mysql", [["docker"]])).stdout).toBe(
      "exec shop-dev-mysql-1 mysql-keeper spare --made mysql-1,mysql-2\n",
    );
  });

  it("have a node that leaves hand over, unless the whole set stops", () => {
    const leave = nodeLeaveCommand(node, "mysql", [["docker"]]);
    expect(run(leave).status).toBe(0);
    const refused = run(leave, { DEAF: "1" });
    expect(refused).toMatchObject({ status: 1 });
    expect(refused.stderr).toContain("shop-dev-mysql-1 may not leave: exec shop-dev-mysql-1 mysql-keeper spare");
    expect(run(leave, { DEAF: "1", DOCKYARD_STOP: "1" }).status).toBe(0);
  });

  it("wait for the source to have its users", () => {
    expect(run(settledCommand([node])).status).toBe(0);
    expect(spawnSync("sh", ["-n"], { input: settledCommand([node, node]) }).status).toBe(0);
  });
});

describe("a MySQL replica set", () => {
  it("is a node after the other, with secrets that stay secret, and an address for each role", async () => {
    const set = new MysqlReplicaSet("mysql", { network, databases: ["shop"], users: [{ name: "goods" }] });
    expect(set.endpoints.map(String)).toEqual(["10.89.0.171:3306", "10.89.0.172:3306", "10.89.0.173:3306"]);
    expect(set.writes).toMatchObject({ mode: "tcp", check: { type: "http", path: "/source" } });
    expect(set.reads.check.path).toBe("/replica");
    expect(set.writes.servers["mysql-2"]).toMatchObject({ checkPort: 3300, onMarkedDown: "shutdown-sessions" });
    expect(() => set.password("nobody")).toThrow("mysql.users: must have it before it is asked for; there are goods");
    expect(await pulumi.isSecret(set.password("goods"))).toBe(true);
    const names = (await settled(registered)).map(({ name }) => name);
    for (const each of ["mysql-1", "mysql-2", "mysql-3"])
      expect(names).toEqual(expect.arrayContaining([each, `${each}-config`, `${each}-data`, `${each}-gate`, `${each}-membership`]));
    expect(names).toEqual(expect.arrayContaining(["mysql-founding", "mysql-settled"]));
    const container = registered.find(({ type, name }) => type === "docker:index/container:Container" && name === "mysql-2")?.inputs;
    expect(container).toMatchObject({
      user: "999:999",
      readOnly: true,
      command: ["mysql-keeper", "run", "/etc/mysql/node/current/keeper.json"],
    });
    expect(JSON.stringify(container)).not.toContain("generated-mysql");
  });
});
