import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { imageReference } from "../../../components/core/images";
import { containersOf, docker } from "../support/engine";
import { es } from "../support/elasticsearch";
import { until } from "../support/load";
import {
  LogDocument,
  allDocuments,
  appendTo,
  heldFiles,
  missingOf,
  numberedLines,
  numbersOf,
  startWriter,
  untilHeld,
} from "../support/logs";
import { TestStack, freePorts } from "../support/test-stack";

const PROGRAM = "test/stack/programs/elk-pipeline/program.cjs";
const NODE = "http://10.162.0.21:9200";
const FILEBEAT = "logs-1";
const NETWORK = { subnet: "10.162.0.0/24", search: "10.162.0.21", logs: "10.162.0.211", others: "10.162.0.221" };
const LABEL = "dockyard-test-logs";
const FILES = `${LABEL}-files`;

const CONTAINERS = [
  { type: "container", components: ["gateway"], accessLog: true },
  { type: "container", components: ["noisy"], includeLines: ["^(WARN|ERROR)"], excludeLines: ["harmless"], fields: { kind: "filtered" } },
  { type: "container", exceptComponents: ["search"] },
];
const GBK = { type: "log", volume: FILES, paths: ["gbk/*.log*"], excludeFiles: ["\\.gz$"], encoding: "gbk", tags: ["chinese"] };
const TRACES = { type: "log", volume: FILES, paths: ["traces/*.log"], multiline: { pattern: "^\\s" }, index: "trace-log" };
const JSON_LINES = { type: "log", volume: FILES, paths: ["json/*.log"], json: {}, index: "json-log" };
const INPUTS = [...CONTAINERS, GBK, JSON_LINES];

/** What another pipeline reads: into an index that the first fills as well, and one whose name begins like that. */
const OTHERS = [
  { type: "container", components: ["second"] },
  { type: "container", components: ["third"], index: "container-log-of-others" },
];

/** 订单已发货 in GBK. */
const GBK_LINE = Buffer.from("b6a9b5a5d2d1b7a2bbf50a", "hex");

/** The date in the name of an index, so many days ago. */
function day(ago: number): string {
  return new Date(Date.now() - ago * 86_400_000).toISOString().slice(0, 10).replaceAll("-", ".");
}

/** Indices that a retention of seven days deletes, and such that it leaves alone: of the last day, of somebody else, without a date. */
const OLD = [`container-log-${day(8)}`, "nginx-access-log-2020.01.01"];
const YOUNG = [`container-log-${day(7)}`, `somebody-log-${day(8)}`, "container-log-archive", `file-log-${day(6)}`];

let stack: TestStack;

async function search(index: string, query: unknown): Promise<LogDocument[]> {
  return allDocuments(NODE, index, query);
}

/** What the keeper of the first pipeline says of it, as its gate asks; empty where it is whole. */
async function fault(): Promise<string> {
  return docker("exec", stack.container(FILEBEAT), "filebeat-keeper", "whole").then(
    () => "",
    (error: unknown) => String(error),
  );
}

/** What the keeper has to say beside that all is well. */
async function told(): Promise<string> {
  return docker("exec", stack.container(FILEBEAT), "filebeat-keeper", "probe").catch(String);
}

/** Waits until all numbered lines of a word are there. */
async function untilAll(word: string, last: number, timeoutMs = 60_000): Promise<void> {
  await until(
    `all lines of ${word} are in the index`,
    async () => {
      const { body } = await es(NODE, "container-log-*/_count", { method: "POST", body: { query: { match: { message: word } } } });
      return body.count >= last && missingOf((await numbersOf(NODE, word)).numbers, last).length === 0;
    },
    timeoutMs,
  );
}

beforeAll(async () => {
  const port = await freePorts(1);
  stack = await TestStack.create("test-logs", { network: NETWORK, ports: { search: port }, inputs: INPUTS, others: OTHERS }, PROGRAM);
  await docker("volume", "create", "--label", `dockyard.stack=${LABEL}`, FILES);
  await stack.up();
});

afterAll(async () => {
  await stack?.remove();
});

describe("logs on their way into an index", () => {
  it("have nothing to change after the first up", async () => {
    expect(await stack.preview()).toEqual([]);
  });

  it("are those of the stack's own containers, each line once and with the name of its node", async () => {
    const mine = { label: LABEL, component: "writer", node: "writer-1" };
    await startWriter(mine, `${numberedLines("plain", 1, 3000)}; echo 'oops 000001' >&2; sleep 600`);
    await startWriter({ ...mine, label: "dockyard-test-other", node: "other-1" }, `${numberedLines("foreign", 1, 10)}; sleep 600`);
    await untilAll("plain", 3000);
    expect((await numbersOf(NODE, "plain")).documents).toBe(3000);
    expect((await numbersOf(NODE, "foreign")).documents).toBe(0);
    const [line] = await search("container-log-*", { match: { message: "oops" } });
    expect(line).toMatchObject({
      message: "oops 000001",
      stream: "stderr",
      dockyard: { component: "writer", node: "writer-1" },
      host: { name: "local" },
      event: { dataset: "container-log" },
    });
    await docker("rm", "--force", "dockyard-test-other-other-1");
  });

  it("share an Elasticsearch with those of another pipeline, each index with its own template", async () => {
    const { index_templates: templates } = (await es(NODE, "_index_template")).body as { index_templates: { name: string }[] };
    const prefixes = [
      ...["container-log", "container-log-of-others", "file-log", "json-log", "nginx-access-log"],
      ...["logs", "others"].map((name) => `${LABEL}-${name}-rejected`),
    ];
    expect(templates.map(({ name }) => name).sort()).toEqual(prefixes.map((prefix) => `dockyard-${prefix}`).sort());
    await startWriter({ label: LABEL, component: "third", node: "third-1" }, "echo 'of others'; sleep 600");
    const others = `container-log-of-others-${day(0)}`;
    await until("the line is there", async () => (await search(others, { match_all: {} })).length === 1);
    const { body } = await es(NODE, `${others}/_mapping`);
    expect(body[others].mappings.properties).toMatchObject({
      dockyard: { properties: { node: { type: "keyword" } } },
      message: { type: "text" },
    });
  });

  it("wait while Elasticsearch refuses a template, and the gate says why", async () => {
    await es(NODE, "_index_template/dockyard-json-log", { method: "DELETE" });
    const priority = 500 + "json-log".length;
    await es(NODE, "_index_template/somebody", { method: "PUT", body: { index_patterns: ["json*"], priority } });
    await docker("restart", stack.container(FILEBEAT));
    await appendTo(FILES, "json/app.log", '{"user":"a"}\n');
    await until("the gate tells", async () => (await fault()).includes("matching patterns from existing templates [somebody]"));
    expect((await es(NODE, "json-log-*/_count")).body.count).toBe(0);
    await es(NODE, "_index_template/somebody", { method: "DELETE" });
    await until("the gate passes", async () => (await fault()) === "");
    await until("the line is there", async () => (await search("json-log-*", { match_all: {} })).length === 1);
  });

  it("are kept aside, by days, where they fit no index", async () => {
    await appendTo(FILES, "json/app.log", '{"user":{"name":"b"}}\n{"user":"c"}\n');
    const aside = `${LABEL}-logs-rejected-${day(0)}`;
    await until("it is kept", async () => (await search(aside, { match_all: {} })).length === 1);
    expect((await search(aside, { match_all: {} }))[0]?.message).toContain("name");
    await until("the next one is there", async () => (await search("json-log-*", { match_all: {} })).length === 2);
  });

  it("would tell a line that is missing and one that was never written: the control", async () => {
    await es(NODE, "container-log-*/_delete_by_query?refresh=true", {
      method: "POST",
      body: { query: { match_phrase: { message: "plain 001234" } } },
    });
    expect(missingOf((await numbersOf(NODE, "plain")).numbers, 3001)).toEqual([1234, 3001]);
  });

  it("are a gateway's requests in an index of their own, by fields and of their own time", async () => {
    const request = (status: number, time: string) =>
      JSON.stringify({ time, requestId: "r1", client: "10.1.2.3", uri: '/goods/1?q="x"', status, bytes: 12, requestTime: 0.004 });
    const lines = [request(200, "2026-11-27T10:00:00+00:00"), "nginx says something", request(502, "2026-11-27T23:30:00-02:00"), '{"cut":'];
    const script = lines.map((line) => `echo '${line}'`).join("; ");
    await startWriter({ label: LABEL, component: "gateway", node: "gateway-1" }, `${script}; sleep 600`);
    await until(
      "the requests are there",
      async () => (await search("nginx-access-log-*", { exists: { field: "nginx.status" } })).length === 2,
    );
    const [first] = await search("nginx-access-log-2026.11.27", { match_all: {} });
    expect(first).toMatchObject({ "@timestamp": "2026-11-27T10:00:00.000Z", nginx: { status: 200, uri: '/goods/1?q="x"' } });
    expect(first).not.toHaveProperty("message");
    expect(await search("nginx-access-log-2026.11.28", { term: { "nginx.status": 502 } })).toHaveLength(1);
    // What is no request is kept as it is.
    await until(
      "the rest is there",
      async () => (await search("container-log-*", { term: { "dockyard.node": "gateway-1" } })).length === 2,
    );
  });

  it("are taken and left by their words", async () => {
    const lines = ["INFO fine", "WARN harmless", "WARN disk", "ERROR disk"];
    await startWriter(
      { label: LABEL, component: "noisy", node: "noisy-1" },
      `${lines.map((line) => `echo '${line}'`).join("; ")}; sleep 600`,
    );
    const found = async () => search("container-log-*", { term: { "dockyard.node": "noisy-1" } });
    await until("the lines are there", async () => (await found()).length >= 2);
    expect((await found()).map(({ message, fields }) => [message, fields] as unknown[])).toEqual([
      ["WARN disk", { kind: "filtered" }],
      ["ERROR disk", { kind: "filtered" }],
    ]);
  });

  it("are read in their encoding, but from files that are left out", async () => {
    await appendTo(FILES, "gbk/orders.log.gz", "not a line\n");
    await appendTo(FILES, "gbk/orders.log", GBK_LINE);
    await until("the line is there", async () => (await search("file-log-*", { match_all: {} })).length > 0);
    expect(await search("file-log-*", { match_all: {} })).toMatchObject([{ message: "订单已发货", tags: ["chinese"] }]);
  });

  it("take other inputs while Filebeat runs, and the former ones again", async () => {
    const before = (await containersOf(LABEL))[FILEBEAT]?.Id;
    await appendTo(FILES, "traces/app.log", "Error: broken\n  at one\n  at two\nnext\n");
    // Told of in the next test: a change of what is kept is one that Filebeat is not asked about.
    for (const index of [...OLD, ...YOUNG]) await es(NODE, index, { method: "PUT", body: { settings: { number_of_replicas: 0 } } });
    await stack.up({ inputs: [...INPUTS, TRACES], logs: { retentionDays: 7 } });
    const traces = async () => (await search("trace-log-*", { match_all: {} })).map(({ message }) => message as string);
    await until("the trace is one event", async () => (await traces()).length === 2);
    expect((await traces()).sort()).toEqual(["Error: broken\n  at one\n  at two", "next"]);
    await stack.up({ inputs: INPUTS });
    await appendTo(FILES, "traces/app.log", "unread\nunread\n");
    await appendTo(FILES, "gbk/orders.log", GBK_LINE);
    await until("the next line is there", async () => (await search("file-log-*", { match_all: {} })).length === 2);
    expect(await traces()).toHaveLength(2);
    expect((await containersOf(LABEL))[FILEBEAT]?.Id).toBe(before);
  });

  it("are deleted with their index after their days, and no earlier", async () => {
    const there = async () => ((await es(NODE, "_cat/indices?format=json&h=index")).body as { index: string }[]).map(({ index }) => index);
    await until("the old ones are gone", async () => !(await there()).some((index) => OLD.includes(index)));
    expect(await there()).toEqual(expect.arrayContaining([...YOUNG, `container-log-${day(0)}`]));
  });

  it("lose nothing and have nothing twice while Filebeat and Elasticsearch are killed", async () => {
    const writer = { label: LABEL, component: "writer", node: "writer-2" };
    await startWriter(writer, `${numberedLines("killed", 1, 20_000, 100)}; sleep 600`);
    for (const node of [FILEBEAT, "search-1", FILEBEAT]) {
      await delay(3_000);
      await docker("kill", stack.container(node));
      await delay(1_000);
      await docker("start", stack.container(node));
    }
    await untilAll("killed", 20_000, 120_000);
    expect((await numbersOf(NODE, "killed")).documents).toBe(20_000);
  });

  it("lose nothing when files are renamed and removed while Elasticsearch is away", async () => {
    const options = ["--log-opt", "max-size=100k", "--log-opt", "max-file=10"];
    const writer = { label: LABEL, component: "writer", node: "writer-3", options };
    // First all that the engine keeps, so that the next files get the numbers of those that go.
    const on = `while [ ! -e /tmp/go ]; do sleep 0.1; done; ${numberedLines("rotated", 12_001, 20_000, 80)}`;
    await startWriter(writer, `${numberedLines("rotated", 1, 12_000, 100)}; ${on}; sleep 600`);
    await untilAll("rotated", 12_000);
    await docker("stop", stack.container("search-1"));
    await docker("exec", stack.container("writer-3"), "touch", "/tmp/go");
    await until("all is written", async () => (await docker("logs", "--tail", "1", stack.container("writer-3"))) === "rotated 020000");
    await docker("start", stack.container("search-1"));
    await untilAll("rotated", 20_000, 120_000);
    expect((await numbersOf(NODE, "rotated")).documents).toBe(20_000);
  });

  it("lose nothing of a container that is removed while Elasticsearch is away, though Filebeat ends meanwhile", async () => {
    const options = ["--log-opt", "max-size=200k", "--log-opt", "max-file=10"];
    const writer = { label: LABEL, component: "writer", node: "writer-6", options };
    const on = `while [ ! -e /tmp/go ]; do sleep 0.1; done; ${numberedLines("removed", 101, 12_000, 200)}`;
    await startWriter(writer, `${numberedLines("removed", 1, 100)}; ${on}; sleep 600`);
    await untilAll("removed", 100);
    await docker("stop", stack.container("search-1"));
    await docker("exec", stack.container("writer-6"), "touch", "/tmp/go");
    await until("all is written", async () => (await docker("logs", "--tail", "1", stack.container("writer-6"))) === "removed 012000");
    const id = await untilHeld(stack.container(FILEBEAT), stack.container("writer-6"));
    await docker("rm", "--force", stack.container("writer-6"));
    const startedAt = async () => docker("inspect", "--format", "{{.State.StartedAt}} {{.RestartCount}}", stack.container(FILEBEAT));
    await until("the keeper tells what it keeps", async () =>
      /files \(.* MiB\) that are gone are kept until they are shipped/.test(await told()),
    );
    const before = await startedAt();
    const inside = async (script: string) => docker("exec", stack.container(FILEBEAT), "sh", "-c", script);
    const ofFilebeat = (act: string) => `for p in /proc/[0-9]*; do if [ "$(cat $p/comm)" = filebeat ]; then ${act}; fi; done`;
    const held = async () => (await inside(`ls ${heldFiles(id)}`)).split("\n").length;
    const all = await held();
    expect(all).toBeGreaterThan(2);
    const former = await inside(ofFilebeat('echo "${p#/proc/}"'));
    await inside(ofFilebeat('kill -9 "${p#/proc/}"'));
    await until("another Filebeat has looked for files, and opened what it can", async () => {
      const opened = await inside(ofFilebeat(`if ls -l $p/fd | grep -q ${id}; then echo "\${p#/proc/}"; fi`));
      return opened !== "" && opened !== former;
    });
    // What it has not opened is none the less there, however long that takes.
    for (let second = 0; second < 15; second++) {
      expect(await held()).toBe(all);
      await delay(1_000);
    }
    await docker("start", stack.container("search-1"));
    await untilAll("removed", 12_000, 120_000);
    expect((await numbersOf(NODE, "removed")).documents).toBe(12_000);
    expect(await startedAt()).toBe(before);
  });

  it("are read from their beginning in a file that was made while Filebeat was away, under a number that it knew", async () => {
    const options = ["--log-opt", "max-size=100k", "--log-opt", "max-file=3"];
    const writer = { label: LABEL, component: "writer", node: "writer-4", options };
    const on = `while [ ! -e /tmp/go ]; do sleep 0.1; done; ${numberedLines("reborn", 2_501, 4_500)}`;
    await startWriter(writer, `${numberedLines("reborn", 1, 2_500)}; ${on}; sleep 600`);
    await untilAll("reborn", 2_500);
    await docker("kill", stack.container(FILEBEAT));
    await docker("exec", stack.container("writer-4"), "touch", "/tmp/go");
    await until("all is written", async () => (await docker("logs", "--tail", "1", stack.container("writer-4"))) === "reborn 004500");
    await docker("start", stack.container(FILEBEAT));
    await untilAll("reborn", 4_500);
  });

  it("go to Redis where that is the output, with what was not taken meanwhile", async () => {
    const address = "10.162.0.99";
    const run = ["--network", `${LABEL}-services`, "--ip", address, "--label", `dockyard.stack=${LABEL}`];
    await docker(
      "run",
      "--detach",
      "--name",
      stack.container("list"),
      ...run,
      imageReference("redis"),
      "redis-server",
      "--requirepass",
      "s3cret",
      "--save",
      "",
    );
    const refused = await stack.refusedUp({ redis: { host: address, port: 6379 }, redisPassword: "wrong-s3cret", logs: {} });
    expect(refused).toMatch(/logs-1 does not become whole: the output takes nothing: .*WRONGPASS invalid username-password pair/);
    expect(refused).not.toContain("wrong-s3cret");
    await stack.up({ redisPassword: "s3cret" });
    await startWriter({ label: LABEL, component: "writer", node: "writer-5" }, `${numberedLines("listed", 1, 500)}; sleep 600`);
    const listed = async () =>
      (await docker("exec", stack.container("list"), "redis-cli", "-a", "s3cret", "--no-auth-warning", "lrange", "logs", "0", "-1"))
        .split("\n")
        .filter((line) => line.includes("listed"));
    await until("all lines are in the list", async () => (await listed()).length === 500);
    expect(JSON.parse((await listed())[0] ?? "")).toMatchObject({ dockyard: { node: "writer-5" }, event: { dataset: "container-log" } });
    expect(JSON.stringify(await containersOf(LABEL))).not.toContain("s3cret");
  });

  it("are kept open no longer than until they are shipped", async () => {
    await until("nothing is kept any more", async () => (await told()) === "", 120_000);
  });

  it.each([
    ["an input without paths", { ...GBK, paths: [] }, /inputs\[3\]\.paths: must name files of the volume/],
    ["an unknown encoding", { ...GBK, encoding: "gbk2" }, /inputs\[3\]\.encoding: must be one that Filebeat knows: plain/],
  ])("refuse %s in preview", async (_, input, refusal) => {
    expect(await stack.refusal({ inputs: [...CONTAINERS, input] })).toMatch(refusal);
  });
});
