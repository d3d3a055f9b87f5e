import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { EsClusterArgs, normalizeEsClusterArgs } from "../../components/es-cluster/args";
import { renderDeclaredCommand } from "../../components/es-cluster/declared-command";
import { EsCluster } from "../../components/es-cluster/es-cluster";
import { renderElasticsearchYml, renderStartScript } from "../../components/es-cluster/es-conf";
import { esSpareCondition, esWholeCondition } from "../../components/es-cluster/es-gate";
import { esLeaveCommand } from "../../components/es-cluster/leave-command";
import { Host, Placement } from "../../components/core/host";
import { emptyNetwork, recordResources, settled } from "../mocks";

const registered = recordResources();
const network = emptyNetwork({ search: "10.89.0.181" });
const dockers = [["docker"]];
const [first, second, third] = [1, 2, 3].map((n) => ({ name: `search-${n}`, docker: ["docker"], container: `shop-dev-search-${n}` }));
if (!first || !second || !third) throw new Error("there are three");

const yml = (major: number, roles: readonly ("master" | "data" | "ingest")[]) =>
  renderElasticsearchYml({
    clusterName: "cell",
    name: "search-1",
    address: "10.89.0.181",
    roles,
    seeds: ["10.89.0.181", "10.89.0.182", "10.89.0.183"],
    major,
    snapshots: true,
  });

describe("an Elasticsearch cluster's arguments", () => {
  it("are three nodes of the cluster cell, with half of the memory as heap and a repository", () => {
    expect(normalizeEsClusterArgs("search", { network })).toMatchObject({
      nodes: [1, 2, 3].map(() => ({ roles: ["master", "data", "ingest"] })),
      clusterName: "cell",
      version: "7.17.28",
      major: 7,
      httpPort: 9200,
      memoryMiB: 1024,
      heapMiB: 512,
      snapshots: true,
    });
  });

  it.each<[string, Partial<EsClusterArgs>, string]>([
    [
      "an even number of masters",
      { nodes: 2 },
      "search.nodes: must have 1, 3, 5 … that may be masters; an even number cannot hold a majority",
    ],
    ["no node with data", { nodes: [{ roles: ["master"] }] }, "search.nodes: must have one that keeps data"],
    ["a first node that is no master", { nodes: [{ roles: ["data"] }, {}] }, "search.nodes[0].roles: must have the role master"],
    ["a heap over half of the memory", { memoryMiB: 1000, heapMiB: 600 }, "search.heapMiB: must be at most half of memoryMiB (1000)"],
    ["another version in our own image", { version: "8.19.5" }, "search.version: must be 7.17.28 in Dockyard's own image; name the image"],
    [
      "a version that is not known",
      { version: "6.8", image: "elasticsearch:6.8" },
      "search.version: must be 7.17, 8.x or 9.x, such as 8.19.5",
    ],
    ["a port that leaves no room", { httpPort: 65_534 }, "search.httpPort: must leave a port up to 65535 for every node"],
    [
      "templates that match the same index with the same priority",
      { indexTemplates: { a: { patterns: ["orders-*"] }, b: { patterns: ["*-2026"] } } },
      "search.indexTemplates.b.patterns: must not match the same index as indexTemplates.a with the same priority",
    ],
    [
      "a field that is a value and holds another",
      { indexTemplates: { a: { patterns: ["a"], properties: { user: { type: "keyword" }, "user.name": { type: "text" } } } } },
      "search.indexTemplates.a.properties.user: must not be a value where user.name is a field within it",
    ],
    [
      "a pattern of capitals",
      { indexTemplates: { a: { patterns: ["Orders"] } } },
      "search.indexTemplates.a.patterns: must be the name of an index",
    ],
    [
      "a repository over several hosts",
      {
        snapshots: true,
        placement: new Placement(
          ["a", "b"].map((name) => new Host({ name, inventory: { networks: [], ports: [] } })) as unknown as readonly [Host, ...Host[]],
        ),
      },
      "search.snapshots: must be false with nodes on 2 hosts",
    ],
  ])("refuse %s, with what to do", (_, args, said) => {
    expect(() => normalizeEsClusterArgs("search", { network, ...args })).toThrow(said);
  });

  it("take templates that match the same index with different priorities", () => {
    const indexTemplates = { a: { patterns: ["orders-*"] }, b: { patterns: ["*-2026"], priority: 1 } };
    expect(() => normalizeEsClusterArgs("search", { network, indexTemplates })).not.toThrow();
  });

  it("are refused all at once", () => {
    const refused = () => normalizeEsClusterArgs("Search", { network, nodes: 4, memoryMiB: 200, cpus: 0, clusterName: "a b", httpPort: 0 });
    for (const path of ["name", "nodes", "heapMiB", "cpus", "clusterName", "httpPort"]) expect(refused).toThrow(`Search.${path}: must`);
  });
});

describe("an Elasticsearch node's files", () => {
  it.each([7, 8, 9])("are as version %i takes them", async (major) => {
    await expect(yml(major, ["master", "data", "ingest"])).toMatchFileSnapshot(`golden/elasticsearch-${major}.yml`);
  });

  it("have the first node alone form a cluster, and only where it may", async () => {
    const script = renderStartScript("search-1", ["10.89.0.181", "10.89.0.182"]);
    expect(spawnSync("sh", ["-n"], { input: script }).status).toBe(0);
    await expect(script).toMatchFileSnapshot("golden/start.sh");
  });

  it.each<[string, Start, string]>([
    ["forms a cluster where there was no data a moment ago", {}, "forms"],
    ["joins where there was", { founding: "join" }, "joins"],
    ["joins where another one answers", { answering: "10.89.0.182" }, "joins"],
    ["joins with what it has", { data: true }, "joins"],
    ["joins where it is not the first", { hostname: "search-2" }, "joins"],
    ["does not start where that was long ago and nobody answers, as its volume is lost", { ago: 7200 }, "refuses"],
    ["joins where that was long ago and another one answers", { ago: 7200, answering: "10.89.0.182" }, "joins"],
    ["joins where that was long ago and another one answers once", { ago: 7200, answering: "10.89.0.182", once: true }, "joins"],
    ["does not start where nobody knows when that was", { founding: "found" }, "refuses"],
    ["forms a cluster long after, where it is alone", { ago: 7200, seeds: ["10.89.0.181"] }, "forms"],
  ])("have a node start that %s", (_, start, does) => {
    expect(startOf(start)).toBe(does);
  });

  it("are told to a running cluster", async () => {
    const templates = {
      orders: { patterns: ["orders-*"], priority: 1, settings: { number_of_replicas: 1 }, properties: { at: { type: "date" } } },
    };
    const command = renderDeclaredCommand([first, second], { component: "search", templates, snapshots: true });
    expect(spawnSync("sh", ["-n"], { input: command }).status).toBe(0);
    await expect(command).toMatchFileSnapshot("golden/declared.sh");
  });
});

describe("an Elasticsearch node that leaves", () => {
  it("hands its shards over, gives up its vote and stops", async () => {
    const command = esLeaveCommand({ node: third, master: true, survivors: [first, second], component: "search", dockers });
    expect(spawnSync("sh", ["-n"], { input: command }).status).toBe(0);
    await expect(command).toMatchFileSnapshot("golden/leave.sh");
  });

  it("stays where it is the last, and where the whole cluster stops", () => {
    const run = (command: string, env = {}) => spawnSync("sh", ["-c", command], { env: { PATH: process.env.PATH, ...env } }).status;
    expect(run(esLeaveCommand({ node: first, master: true, survivors: [], component: "search", dockers }))).toBe(0);
    const leaving = esLeaveCommand({ node: second, master: true, survivors: [first], component: "search", dockers: [["false"]] });
    expect(run(leaving, { DOCKYARD_STOP: "1" })).toBe(0);
  });
});

interface Start {
  readonly hostname?: string;
  readonly founding?: string;
  /** Seconds since no data was found. */
  readonly ago?: number;
  readonly answering?: string;
  /** Whether it answers the first time alone, as one that is busy. */
  readonly once?: boolean;
  readonly data?: boolean;
  readonly seeds?: readonly string[];
}

/** Runs a node's start in a folder of its own, with a server that tells whether it was to form a cluster. */
function startOf(start: Start): string {
  const {
    hostname = "search-1",
    ago = 0,
    answering = "nobody",
    once = false,
    data = false,
    seeds = ["10.89.0.181", "10.89.0.182"],
  } = start;
  const folder = mkdtempSync(join(tmpdir(), "dockyard-es-start-"));
  try {
    for (const path of ["bin", "current", "data/cluster"]) mkdirSync(join(folder, path), { recursive: true });
    for (const file of ["log4j2.properties", "elasticsearch.yml"]) writeFileSync(join(folder, "current", file), "");
    writeFileSync(join(folder, "current", "founding"), start.founding ?? `found ${Math.floor(Date.now() / 1000) - ago}`);
    if (data) writeFileSync(join(folder, "data/cluster", "nodes"), "");
    const server = 'if grep -q initial_master_nodes "$ES_PATH_CONF/elasticsearch.yml"; then echo forms; else echo joins; fi';
    writeFileSync(join(folder, "bin", "elasticsearch"), `#!/bin/sh\n${server}\n`, { mode: 0o755 });
    const stubs = `hostname() { echo ${hostname}; }\nsleep() { :; }\ncurl() { case "$*" in *${answering}*) [ -z "\${answered:-}" ] || return 7; answered=${once ? "1" : ""} ;; *) return 7 ;; esac; }\n`;
    const script = renderStartScript("search-1", seeds)
      .replaceAll("/usr/share/elasticsearch", folder)
      .replaceAll("/etc/elasticsearch/node/current", join(folder, "current"));
    const env = { PATH: process.env.PATH, ES_PATH_CONF: join(folder, "run") };
    const { status, stdout, stderr } = spawnSync("sh", ["-c", stubs + script], { encoding: "utf8", env });
    return status === 1 && stderr.includes("the volume of its first node is empty: bring the others back first")
      ? "refuses"
      : stdout.trim();
  } finally {
    rmSync(folder, { recursive: true });
  }
}

interface Engine {
  readonly nodes?: string;
  readonly health?: string;
  /** Its master does not come to the end of its tasks. */
  readonly busy?: boolean;
  readonly settings?: string;
  readonly shards?: string;
  readonly members?: string;
  readonly made?: readonly string[];
  /** Nodes that have a data volume. */
  readonly kept?: readonly number[];
}

/** Runs a condition with a docker that answers as the first node would; what it was asked to change is printed behind. */
function run(
  condition: string,
  {
    nodes,
    health = "",
    busy = false,
    settings = "{}",
    shards = "",
    members,
    made = ["1:running", "2:running", "3:running"],
    kept = [1, 2, 3],
  }: Engine,
) {
  const docker = [
    'docker() { case "$*" in',
    `ps*State*) printf 'shop-dev-search-%s\\n' ${made.join(" ")} ;;`,
    `ps*) ;;`,
    `volume*) printf 'shop-dev-search-%s\n' snapshots ${kept.flatMap((node) => [`${node}-data`, `${node}-config`]).join(" ")} ;;`,
    `*_cat/nodes*) ${nodes === undefined ? "echo no master; return 22" : `printf '%s\\n' ${nodes}`} ;;`,
    `*--request?PUT*) echo "$*" >> "$changes"; ;;`,
    `*--request?POST*) ;;`,
    `*wait_for_events*) return ${busy ? 22 : 0} ;;`,
    `*_cluster/health*) printf '%s' '${health}' ;;`,
    `*_cluster/settings*) printf '%s' '${settings}' ;;`,
    `*_cat/shards*) printf '%s\\n' ${shards} ;;`,
    `*members*) ${members === undefined ? "return 1" : `printf '%s\\n' ${members}`} ;;`,
    "*) return 1 ;; esac; }",
  ].join("\n");
  const script = `changes=$(mktemp)\ndocker=docker\n${docker}\n${condition}\ncode=$?\nsed 's/.*persistent/changed: persistent/; s/ "http.*//' "$changes"\nrm "$changes"\nexit $code`;
  const { status, stdout, stderr } = spawnSync("sh", ["-c", script], { encoding: "utf8" });
  expect(stderr).toBe("");
  return { holds: status === 0, said: stdout };
}

const SETTLED = {
  initializing_shards: 0,
  relocating_shards: 0,
  delayed_unassigned_shards: 0,
  number_of_in_flight_fetch: 0,
  number_of_pending_tasks: 0,
};
const health = (status: string, changes: Partial<typeof SETTLED> = {}) => JSON.stringify({ status, ...SETTLED, ...changes });
const all = "search-1 search-2 search-3";
const paused = '{"persistent":{"cluster.metadata.dockyard.before":"green","cluster.routing.allocation.enable":"primaries"}}';

describe("the gate behind an Elasticsearch node", () => {
  const whole = esWholeCondition(first, "search", dockers).replaceAll("shop-dev-", "shop-dev-");

  it.each<[string, Engine, boolean]>([
    ["all are there and green", { nodes: all, health: health("green") }, true],
    ["it is the first and alone", { nodes: "search-1", health: health("green"), made: ["1:running"] }, true],
    ["it knows no master", {}, false],
    ["it knows no master, while one that was there has no container yet", { members: all, made: ["1:running"] }, true],
    ["it knows no master, and all have a container", { members: all }, false],
    ["it knows no master and has lost its note, while one that has data has no container yet", { made: ["1:running"] }, true],
    ["it knows no master and has lost its note, and nobody else has data", { made: ["1:running"], kept: [1] }, false],
    ["it knows no master and has lost its note, and is not the first to come back", { made: ["1:running", "2:running"] }, false],
    ["another one that runs is not in the cluster", { nodes: "search-1 search-2", health: health("green") }, false],
    ["another one is stopped", { nodes: "search-1 search-2", health: health("green"), made: ["1:running", "2:running", "3:exited"] }, true],
    ["shards have no place", { nodes: all, health: health("yellow") }, true],
    ["shards have no place, and had one before the roll", { nodes: all, health: health("yellow"), settings: paused }, false],
    ["shards are on their way", { nodes: all, health: health("yellow", { initializing_shards: 1 }) }, false],
    ["shards wait for a node that was away", { nodes: all, health: health("yellow", { delayed_unassigned_shards: 1 }) }, false],
    ["a node is asked what it holds", { nodes: all, health: health("yellow", { number_of_in_flight_fetch: 1 }) }, false],
    ["the master has something to do", { nodes: all, health: health("yellow", { number_of_pending_tasks: 2 }) }, false],
    ["the master does not come to an end", { nodes: all, health: health("yellow"), busy: true }, false],
    ["the master does not come to an end, and all have their place", { nodes: all, health: health("green"), busy: true }, true],
    ["data is missing", { nodes: all, health: health("red") }, false],
  ])("where %s", (_, engine, holds) => {
    expect(run(whole, engine).holds).toBe(holds);
  });

  it("ends the pause of allocation, also one that an earlier roll has left", () => {
    const { said } = run(whole, { nodes: all, health: health("green"), settings: paused });
    expect(said).toContain('changed: persistent":{"cluster.routing.allocation.enable":null}}');
    expect(said).toContain('changed: persistent":{"cluster.metadata.dockyard.before":null}}');
  });
});

describe("the gate before an Elasticsearch node is replaced", () => {
  const spare = esSpareCondition(first, "search", dockers);
  const roles = '"search-1 dim" "search-2 dim" "search-3 dim"';
  const shards = '"a 0 p STARTED search-1" "a 0 r STARTED search-2" "b 0 p STARTED search-3"';

  it.each<[string, Engine, boolean]>([
    ["all are there and green", { nodes: roles, health: health("green"), shards }, true],
    ["it is alone", { nodes: '"search-1 dim"', health: health("green"), made: ["1:running"] }, true],
    ["another is away", { nodes: '"search-1 dim" "search-2 dim"', health: health("green"), shards }, false],
    ["an index is on it alone", { nodes: roles, health: health("green"), shards: '"a 0 p STARTED search-1"' }, false],
    [
      "it alone has data",
      { nodes: '"search-1 dim" "search-2 m" "search-3 m"', health: health("green"), shards: '"a 0 p STARTED search-1"' },
      true,
    ],
    ["shards are on their way", { nodes: roles, health: health("yellow", { initializing_shards: 1 }), shards }, false],
    ["data is missing", { nodes: roles, health: health("red"), shards }, false],
    ["it does not answer, nor does another", {}, false],
  ])("where %s", (_, engine, holds) => {
    expect(run(spare, engine).holds).toBe(holds);
  });

  it("pauses allocation and notes how it was", () => {
    expect(run(spare, { nodes: roles, health: health("green"), shards }).said).toContain(
      '{"cluster.routing.allocation.enable":"primaries","cluster.metadata.dockyard.before":"green"}',
    );
  });
});

describe("an Elasticsearch cluster", () => {
  it("is a node after the other, whose members and templates are resources of their own", async () => {
    const cluster = new EsCluster("search", { network, indexTemplates: { orders: { patterns: ["orders-*"] } } });
    expect(cluster.endpoints.map(String)).toEqual(["10.89.0.181:9200", "10.89.0.182:9200", "10.89.0.183:9200"]);
    expect(cluster.http.map(String)).toEqual(["127.0.0.1:9200", "127.0.0.1:9201", "127.0.0.1:9202"]);
    const names = (await settled(registered)).map(({ name }) => name);
    for (const node of ["search-1", "search-2", "search-3"])
      expect(names).toEqual(expect.arrayContaining([node, `${node}-config`, `${node}-data`, `${node}-gate`, `${node}-membership`]));
    expect(names).toEqual(expect.arrayContaining(["search-founding", "search-snapshots", "search-declared"]));
    const container = registered.find(({ type, name }) => type === "docker:index/container:Container" && name === "search-2")?.inputs;
    expect(container).toMatchObject({ user: "1000:1000", readOnly: true, command: ["sh", "/etc/elasticsearch/node/current/start"] });
    expect(container?.envs).toContain("ES_JAVA_OPTS=-Xms512m -Xmx512m");
  });
});
