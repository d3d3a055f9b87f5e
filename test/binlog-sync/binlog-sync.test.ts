import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { BinlogSyncArgs, normalizeBinlogSyncArgs } from "../../components/binlog-sync/args";
import { BinlogSync } from "../../components/binlog-sync/binlog-sync";
import { renderSyncSettings } from "../../components/binlog-sync/sync-files";
import { SyncedTables, overlap } from "../../components/binlog-sync/tables-args";
import { Endpoint } from "../../components/core/endpoint";
import { emptyNetwork, recordResources, settled } from "../mocks";

const registered = recordResources();
const network = emptyNetwork({ indexing: "10.89.0.165" });
const source = {
  endpoints: [new Endpoint("10.89.0.171", 3306), new Endpoint("10.89.0.172", 3306)],
  user: "indexing",
  password: pulumi.secret("s3cret-of-the-source"),
};
const elasticsearch = [new Endpoint("10.89.0.181", 9200)];
const given: BinlogSyncArgs = { network, source, elasticsearch, tables: [{ tables: "shop.goods", index: "goods" }] };
const withTables = (...tables: SyncedTables[]) => normalizeBinlogSyncArgs("indexing", { ...given, tables });

describe("a sync's arguments", () => {
  it("are one small service, and whole rows", () => {
    expect(normalizeBinlogSyncArgs("indexing", given)).toMatchObject({
      memoryMiB: 256,
      cpus: 1,
      indices: {},
      tables: [{ tables: "shop.goods", exclude: [], columns: [], excludeColumns: [], fields: {} }],
    });
  });

  it.each([
    ["shop.goods", "shop.goods", true],
    ["shop.*", "shop.goods", true],
    ["shop_*.orders", "*_1.orders", true],
    ["*.*", "a.b", true],
    ["shop.goods", "shop.orders", false],
    ["shop_*.orders", "shop.orders", false],
    // A wildcard does not reach over the dot.
    ["shop*", "shop.goods", false],
  ])("know whether %s and %s may be the same table", (a, b, expected) => {
    expect(overlap(a, b)).toBe(expected);
    expect(overlap(b, a)).toBe(expected);
  });

  it("take a table by one rule alone, and by two where one excludes it", () => {
    const [all, goods] = [
      { tables: "shop.*", index: "all" },
      { tables: "shop.goods", index: "goods" },
    ];
    expect(() => withTables(all, goods)).toThrow(/indexing\.tables\[1\]\.tables: "shop\.goods".*exclude shop\.\*|must not match a table/);
    expect(withTables({ ...all, exclude: ["shop.goods"] }, goods).tables).toHaveLength(2);
  });

  it("are refused all at once, each with what to do, and without a secret in the words", () => {
    const refused = () =>
      normalizeBinlogSyncArgs("Indexing", {
        ...given,
        source: { endpoints: [], user: "", password: "in-clear" as unknown as pulumi.Output<string> },
        elasticsearch: [],
        memoryMiB: 10,
        cpus: 0,
        tables: [
          { tables: "goods", index: "Goods", exclude: ["x"] },
          {
            tables: "shop.orders",
            index: "orders",
            columns: ["id", "a"],
            excludeColumns: ["a"],
            fields: { b: "c", a: "id", id: "_id" },
          },
        ],
        indices: { elsewhere: {}, orders: { properties: { name: "text" } } },
      });
    expect(refused).toThrowErrorMatchingInlineSnapshot(`
      [ConfigError: Indexing.name: must be lower-case letters, digits and inner hyphens, since its container and the index of its position are called by it, got "Indexing"
      Indexing.source.endpoints: must name a server, such as the endpoints of a MysqlReplicaSet, got []
      Indexing.source.user: must be a user of the servers, got ""
      Indexing.elasticsearch: must name a node, such as the endpoints of an EsCluster, got []
      Indexing.memoryMiB: must be 96 or more: batches of 4 MiB are read while others are written, got 10
      Indexing.cpus: must be more than 0, got 0
      Indexing.source.password: must be a secret, such as config.requireSecret(...) or pulumi.secret(...), got "(in clear)"
      Indexing.tables[0].tables: must be schema.table of letters, digits, '_' and '$', with * for any part, got "goods"
      Indexing.tables[0].index: must be lower-case letters, digits, '.', '_' and '-', a letter or digit first, got "Goods"
      Indexing.tables[0].exclude: must be schema.table of letters, digits, '_' and '$', with * for any part, got "x"
      Indexing.tables[1].excludeColumns: must not name what columns names; leave them out of one of the two, got ["a"]
      Indexing.tables[1].fields.b: must be of a column that is in the documents; add it to columns, or leave the name out, got "c"
      Indexing.tables[1].fields.a: must be of a column that is in the documents; add it to columns, or leave the name out, got "id"
      Indexing.tables[1].fields.id: must be another one: Elasticsearch has it for itself, got "_id"
      Indexing.indices.elsewhere: must be one that tables lead to; there are Goods, orders, got "elsewhere"
      Indexing.indices.orders.properties.name: must have a type or properties, like { type: "keyword" }, got "text"]
    `);
    expect(refused).not.toThrow(/in-clear/);
  });

  it("say which type was awaited", () => {
    expect(() => normalizeBinlogSyncArgs("indexing", { ...given, tabels: [] } as unknown as BinlogSyncArgs)).toThrow(/indexing\.tabels/);
    expect(() =>
      normalizeBinlogSyncArgs("indexing", { ...given, elasticsearch: ["http://10.89.0.181:9200"] } as unknown as BinlogSyncArgs),
    ).toThrow(/indexing\.elasticsearch\[0\]: .*Endpoint/);
  });
});

describe("what the service reads", () => {
  it("is as it was", async () => {
    const { tables, indices } = normalizeBinlogSyncArgs("indexing", {
      ...given,
      tables: [
        { tables: "shop.goods", index: "goods", excludeColumns: ["cost"], fields: { nm: "name" } },
        { tables: "shop_*.orders", index: "orders", exclude: ["shop_old.orders"] },
        { tables: "shop.pens", index: "stationery", columns: ["id", "ink"] },
        { tables: "shop.pads", index: "stationery" },
      ],
      indices: { goods: { settings: { refresh_interval: "500ms" }, properties: { name: { type: "text" } } } },
    });
    const rendered = renderSyncSettings({
      name: "indexing",
      position: "indexing-position",
      serverId: 4_000_000_000,
      sources: source.endpoints.map(String),
      user: "indexing",
      elasticsearch: ["http://10.89.0.181:9200"],
      tables,
      indices,
    });
    await expect(rendered).toMatchFileSnapshot("golden/sync.json");
  });
});

describe("a sync", () => {
  it("is one container with its password in a file, known to the source by a number of its own", async () => {
    new BinlogSync("indexing", given);
    const resources = await settled(registered);
    const containers = resources.filter(({ type }) => type === "docker:index/container:Container");
    expect(containers.map(({ name }) => name)).toEqual(["indexing-1"]);
    expect(containers[0]?.inputs).toMatchObject({
      command: ["binlog-sync", "run", "/etc/binlog-sync/current/sync.json"],
      user: "10003:10003",
      readOnly: true,
      networksAdvanced: [{ ipv4Address: "10.89.0.165" }],
    });
    expect(JSON.stringify(containers)).not.toContain("s3cret-of-the-source");
    const settings = JSON.stringify(resources.filter(({ name }) => name.startsWith("indexing-1")));
    const [, serverId] = /\\"serverId\\": (\d+)/.exec(settings) ?? /"serverId\\*": ?(\d+)/.exec(settings) ?? [];
    expect(Number(serverId)).toBeGreaterThan(2 ** 31);
    expect(Number(serverId)).toBeLessThan(2 ** 32);
  });
});
