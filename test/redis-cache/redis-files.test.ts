import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  renderFilters,
  renderLiveConf,
  renderMonitored,
  renderNodeEnvironment,
  renderReplicaSecret,
  renderSentinelConf,
  renderServerConf,
} from "../../components/redis-cache/redis-conf";
import { sentinelScripts, serverScripts } from "../../components/redis-cache/redis-files";
import { settleCommand } from "../../components/redis-cache/settle-command";
import { renderSentinelUsers, renderServerUsers } from "../../components/redis-cache/users-files";

const passwords = { dockyard: ["one"], "dockyard-replica": ["two"], "dockyard-sentinel": ["three"], goods: ["four"] };
const users = [{ name: "goods", keys: ["~goods:*", "%R~shared:*"], channels: ["goods"], commands: ["+@read", "-@dangerous"] }];
const node = (name: string, last: number) => ({ name, address: `10.89.0.${last}` });
const golden = (file: string) => `golden/${file}`;

describe("a server's files", () => {
  it("are what it starts with, what it can be told later, and who may use it", async () => {
    const server = { address: "10.89.0.31", bloom: "functions", bloomModule: "/bloom.so" } as const;
    await expect(renderServerConf(server)).toMatchFileSnapshot(golden("redis.conf"));
    expect(renderServerConf({ ...server, bloom: "module" })).toContain("\nloadmodule /bloom.so\n");
    await expect(
      renderLiveConf({ maxmemory: 1_048_576, maxmemoryPolicy: "allkeys-lru", persistence: "appendonly", minReplicas: 1 }),
    ).toMatchFileSnapshot(golden("live.conf"));
    await expect(renderServerUsers(users, passwords)).toMatchFileSnapshot(golden("server-users.acl"));
    expect(renderReplicaSecret("two")).toBe("masterauth two\n");
  });

  it.each([
    ["snapshot", "no", '"3600 1 300 100 60 10000"'],
    ["none", "no", '""'],
    ["appendonly", "yes", '""'],
  ] as const)("keep %s", (persistence, appendonly, save) => {
    const text = renderLiveConf({ maxmemory: 1, maxmemoryPolicy: "noeviction", persistence, minReplicas: 0 });
    expect(text).toContain(`\nappendonly ${appendonly}\n`);
    expect(text).toContain(`\nsave ${save}\n`);
  });

  it("name the filters without an exponent, which neither Redis nor awk must meet", () => {
    expect(
      renderFilters([
        { name: "a", errorRate: 1e-9, capacity: 1_000_000_000 },
        { name: "b:c", errorRate: 0.01, capacity: 1 },
      ]),
    ).toBe("a 0.000000001 1000000000\nb:c 0.01 1\n");
  });

  it("tell its scripts which node it is", () => {
    const text = renderNodeEnvironment({
      cluster: "cache",
      node: node("cache-1", 31),
      servers: [node("cache-1", 31), node("cache-2", 32)],
      sentinels: [node("cache-sentinel-1", 41)],
      persistence: "none",
      minReplicas: 0,
      bloom: "functions",
    });
    expect(text).toContain("SERVERS='cache-1=10.89.0.31 cache-2=10.89.0.32'\nSENTINELS=10.89.0.41\n");
    const { stdout } = spawnSync("sh", ["-c", `${text}\necho "$NAME $ADDRESS $QUORUM"`], { encoding: "utf8" });
    expect(stdout).toBe("cache 10.89.0.31 2\n");
  });
});

describe("a Sentinel's files", () => {
  it("are what it starts with, what it watches, and who may ask it", async () => {
    await expect(renderSentinelConf("10.89.0.41")).toMatchFileSnapshot(golden("sentinel.conf"));
    await expect(renderMonitored("cache", 3, "three")).toMatchFileSnapshot(golden("monitored.conf"));
    await expect(renderSentinelUsers(users, passwords)).toMatchFileSnapshot(golden("sentinel-users.acl"));
  });
});

describe("the scripts", () => {
  it.each([...serverScripts(), ...sentinelScripts()].filter(({ path }) => !path.endsWith(".lua")))(
    "$path can be read by a shell",
    ({ path }) => {
      const file = join(__dirname, "../../components/redis-cache/scripts", path);
      expect(spawnSync("sh", ["-n", file], { encoding: "utf8" })).toMatchObject({ status: 0, stderr: "" });
    },
  );

  it("are run on every node by one command", async () => {
    const at = (container: string) => ({ docker: ["docker"], container });
    await expect(settleCommand([at("cache-1"), at("cache-2")], [at("cache-sentinel-1")])).toMatchFileSnapshot(golden("settle.sh"));
  });
});
