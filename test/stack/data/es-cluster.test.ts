import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { execa } from "execa";
import { imageReference } from "../../../components/core/images";
import { pause, containersOf, docker, eventsDuring } from "../support/engine";
import { es, esAnywhere, indexLoad } from "../support/elasticsearch";
import { until } from "../support/load";
import { loseData } from "../support/lost-data";
import { TestStack, freePorts } from "../support/test-stack";

const NAME = "test-es";
const PROGRAM = "test/stack/programs/es-cluster/program.cjs";
const INDEX = "things-1";

let stack: TestStack;
let settings: Record<string, unknown>;
let nodes: string[];

const container = (node: number) => stack.container(`search-${node}`);
const elasticsearch = (changes: Record<string, unknown>) => ({ elasticsearch: { ...settings, ...changes } });

beforeAll(async () => {
  const httpPort = await freePorts(5);
  nodes = [0, 1, 2].map((index) => `http://127.0.0.1:${httpPort + index}`);
  settings = {
    httpPort,
    memoryMiB: 704,
    heapMiB: 256,
    indexTemplates: {
      things: { patterns: ["things-*"], settings: { number_of_shards: 2, number_of_replicas: 1 }, properties: { id: { type: "keyword" } } },
    },
  };
  stack = await TestStack.create(NAME, { network: { subnet: "10.187.0.0/24", first: "10.187.0.21" }, ...elasticsearch({}) }, PROGRAM);
  await stack.up();
});

afterAll(async () => {
  await stack.remove();
});

async function catNodes(): Promise<Record<string, string>> {
  const rows = (await esAnywhere(nodes, "_cat/nodes?format=json&h=name,node.role,master")) as { name: string; "node.role": string }[];
  return Object.fromEntries(rows.map((row) => [row.name, row["node.role"]]));
}

async function isGreen(): Promise<boolean> {
  const { status, number_of_nodes: count } = await esAnywhere(nodes, "_cluster/health");
  return status === "green" && count === 3;
}

/** Ids of all documents, read from the shards themselves. */
async function ids(): Promise<string[]> {
  await esAnywhere(nodes, `${INDEX}/_refresh`, { method: "POST" });
  const { hits } = await esAnywhere(nodes, `${INDEX}/_search?size=10000`);
  return (hits.hits as { _id: string }[]).map(({ _id }) => _id);
}

describe("an Elasticsearch cluster", () => {
  it("forms, with all roles on every node, hardened, and with nothing to change", async () => {
    expect(await catNodes()).toEqual({ "search-1": "dim", "search-2": "dim", "search-3": "dim" });
    expect((await es(nodes[2] ?? "", "")).body).toMatchObject({ cluster_name: "cell", version: { number: "7.17.28" } });
    for (const [node, { Config, HostConfig }] of Object.entries(await containersOf(stack.label))) {
      expect.soft(Config.User, node).toBe("1000:1000");
      expect.soft(HostConfig, node).toMatchObject({ ReadonlyRootfs: true, CapDrop: ["ALL"], PidsLimit: 512 });
    }
    expect(await stack.preview()).toEqual([]);
  });

  it("gives new indices what its templates say, and changes and removes those while it runs", async () => {
    await es(nodes[0] ?? "", `${INDEX}/_doc/first`, { method: "PUT", body: { id: "first" } });
    expect((await es(nodes[1] ?? "", `${INDEX}/_mapping`)).body[INDEX].mappings.properties.id).toEqual({ type: "keyword" });
    await es(nodes[0] ?? "", "_index_template/somebodys", { method: "PUT", body: { index_patterns: ["other-*"] } });
    const others = { orders: { patterns: ["orders-*"], priority: 5 } };
    const events = await eventsDuring(stack.label, () => stack.up(elasticsearch({ indexTemplates: others })));
    expect(events).toEqual([]);
    const { index_templates: templates } = await esAnywhere(nodes, "_index_template");
    expect((templates as { name: string }[]).map(({ name }) => name).sort()).toEqual(["search-orders", "somebodys"]);
    await es(nodes[0] ?? "", "_index_template/somebodys", { method: "DELETE" });
    await stack.up(elasticsearch({}));
  });

  it("would have failed reads if two of its nodes were away: the control", async () => {
    const away = async (failures: readonly string[]) => {
      await pause(container(2), container(3));
      try {
        await until("a read fails", async () => failures.some((failure) => failure.startsWith("search")));
      } finally {
        await docker("unpause", container(2), container(3));
      }
    };
    const { failures } = await indexLoad(nodes, INDEX, away, 2_000);
    expect(failures.length).toBeGreaterThan(0);
    await until("all are back", isGreen, 120_000);
  });

  it("cannot spare a node whose index is on it alone, naming the index", async () => {
    await es(nodes[0] ?? "", "lonely", { method: "PUT", body: { settings: { number_of_shards: 3, number_of_replicas: 0 } } });
    await until("all are there", isGreen);
    const gate = JSON.parse(await stack.pulumi("stack", "export", "--stack", NAME)) as {
      deployment: { resources: { urn: string; inputs?: { delete?: string } }[] };
    };
    const spare = gate.deployment.resources.find(({ urn }) => urn.endsWith("::search-2-gate"))?.inputs?.delete ?? "";
    // Its own condition, without the minute that a gate waits.
    const { exitCode, stderr } = await execa("sh", ["-c", spare], { reject: false, env: { DOCKYARD_SPARE_SECONDS: "0" } });
    expect(stderr).toContain("these indices have shards on it alone; give them a replica first: lonely");
    expect(exitCode).toBe(1);
    await es(nodes[0] ?? "", "lonely", { method: "DELETE" });
  });

  it("refuses to roll while a node is away, naming it", async () => {
    await docker("stop", "--time", "0", container(3));
    const away = await stack.refusedUp(elasticsearch({ heapMiB: 272 }));
    expect(away).toContain("search-3 is not in the cluster; bring it back first");
    await docker("start", container(3));
    await until("it is back", isGreen, 120_000);
    await stack.up(elasticsearch({}));
  });

  it("keeps every document while each node in turn is killed, and stands still for a while", async () => {
    const before = (await ids()).length;
    const { written, failures } = await indexLoad(nodes, INDEX, async () => {
      for (const node of [1, 2, 3]) {
        await docker("kill", container(node));
        await until("it is missed", async () => Object.keys(await catNodes()).length === 2, 120_000);
        await docker("start", container(node));
        await until("it is back", isGreen, 120_000);
        await pause(container(node));
        await delay(3_000);
        await docker("unpause", container(node));
        await until("all are there", isGreen, 120_000);
      }
    });
    expect(failures.filter((failure) => failure.startsWith("search: Error: shards failed"))).toEqual([]);
    const after = await ids();
    expect(after).toEqual(expect.arrayContaining([...written]));
    expect(after.length).toBeGreaterThanOrEqual(before);
  });

  it("hands its shards over before a node is taken out, and takes it back as a new one", async () => {
    await stack.up(elasticsearch({ nodes: [{}, {}, {}, { roles: ["data"] }] }));
    await until(
      "it has shards",
      async () =>
        ((await esAnywhere(nodes, "_cat/shards?format=json&h=node")) as { node: string }[]).some(({ node }) => node === "search-4"),
      60_000,
    );
    const before = (await ids()).sort();
    await stack.up(elasticsearch({}));
    expect(Object.keys(await catNodes()).sort()).toEqual(["search-1", "search-2", "search-3"]);
    expect((await ids()).sort()).toEqual(before);
    expect((await esAnywhere(nodes, "_cluster/settings")).persistent).toEqual({});
    expect(await stack.preview()).toEqual([]);
  });

  it("keeps a snapshot that is restored", async () => {
    const before = await ids();
    const made = await esAnywhere(nodes, "_snapshot/snapshots/first?wait_for_completion=true", { method: "PUT", body: { indices: INDEX } });
    expect(made.snapshot).toMatchObject({ state: "SUCCESS" });
    await esAnywhere(nodes, INDEX, { method: "DELETE" });
    await esAnywhere(nodes, "_snapshot/snapshots/first/_restore?wait_for_completion=true", { method: "POST", body: { indices: INDEX } });
    expect((await ids()).sort()).toEqual([...before].sort());
  });

  it("forms no second cluster where the first node comes back alone and has lost its data, and has it again from the others", async () => {
    const before = await ids();
    // What was restored has no copies at first: the first node may be the only one that has a shard.
    await until("all shards have their copies", isGreen, 120_000);
    await docker("stop", "--time", "30", ...[1, 2, 3].map(container));
    await loseData(stack, "search-1");
    await docker("start", container(1));
    const said = async () => (await execa("docker", ["logs", "--tail", "20", container(1)], { all: true })).all;
    await until("it says why it does not start", async () => (await said()).includes("bring the others back first"), 90_000);
    const volume = `${stack.container("search-1-data")}:/data:ro`;
    expect(await docker("run", "--rm", "--user", "0:0", "--volume", volume, imageReference("shop"), "ls", "-A", "/data/cluster")).toBe("");
    await docker("start", container(2), container(3));
    await until("all are there", isGreen, 180_000);
    expect((await ids()).sort()).toEqual([...before].sort());
  });

  it("finds all documents after it was taken down and brought up", async () => {
    const before = await ids();
    await stack.destroy();
    expect(Object.keys(await containersOf(stack.label))).toEqual([]);
    await stack.up();
    expect(await isGreen()).toBe(true);
    expect((await ids()).sort()).toEqual([...before].sort());
    expect(await stack.preview()).toEqual([]);
  });
});
