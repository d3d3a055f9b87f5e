import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, it } from "vitest";
import { Endpoint } from "../../components/core/endpoint";
import { LogProcessor, renderContainerRule, renderFileInput } from "../../components/elk-pipeline/filebeat-inputs";
import { renderFilebeatYml, renderOutputYml, renderTemplates } from "../../components/elk-pipeline/filebeat-yml";
import { normalizeIndices } from "../../components/elk-pipeline/index-args";
import { ContainerInput, FileInput, NormalContainerInput, NormalFileInput, normalizeInput } from "../../components/elk-pipeline/input-args";
import { renderKeeperSettings } from "../../components/elk-pipeline/keeper-settings";
import { normalizeKibana } from "../../components/elk-pipeline/kibana-args";
import { kibanaWhole, renderKibanaYml } from "../../components/elk-pipeline/kibana-yml";
import { normalizeLogstash } from "../../components/elk-pipeline/logstash-args";
import {
  logstashWhole,
  renderLogstashLogging,
  renderLogstashYml,
  renderMainPipeline,
  renderPipelinesYml,
} from "../../components/elk-pipeline/logstash-conf";
import { LogOutput, normalizeOutput } from "../../components/elk-pipeline/output-args";

const endpoints = [new Endpoint("10.89.0.181", 9200), new Endpoint("10.89.0.182", 9200)];
const file = (input: Omit<FileInput, "type">) => renderFileInput(normalizeInput({ type: "log", ...input }) as NormalFileInput);
const rule = (input: Omit<ContainerInput, "type">, processor: LogProcessor = "filebeat") =>
  renderContainerRule(normalizeInput({ type: "container", ...input }) as NormalContainerInput, "logs", processor);

describe("what a Filebeat reads", () => {
  it("is as it was", async () => {
    await expect(renderFilebeatYml({ host: "local", memoryMiB: 256 })).toMatchFileSnapshot("golden/filebeat.yml");
    await expect(renderFilebeatYml({ host: "b", memoryMiB: 96 })).toMatchFileSnapshot("golden/filebeat-plain.yml");
    const properties = { "json.user": { type: "keyword" } };
    await expect(renderTemplates(["container-log", "nginx-access-log"], normalizeIndices({ replicas: 0, properties }))).toMatchFileSnapshot(
      "golden/templates.json",
    );
  });

  it("is a template for each name, of which none has the patterns of another at its own priority", () => {
    const templates = JSON.parse(renderTemplates(["app", "app-log", "web"], normalizeIndices({}))) as Record<string, { priority: number }>;
    expect(Object.entries(templates).map(([name, { priority }]) => [name, priority])).toEqual([
      ["dockyard-app", 503],
      ["dockyard-app-log", 507],
      ["dockyard-web", 503],
    ]);
  });

  it.each<[string, LogOutput]>([
    ["elasticsearch", { type: "elasticsearch", endpoints }],
    ["elasticsearch-login", { type: "elasticsearch", endpoints, user: "logs" }],
    ["logstash", { type: "logstash", endpoints }],
    ["redis", { type: "redis", endpoints, database: 3 }],
    ["kafka", { type: "kafka", endpoints, user: "logs" }],
    ["kafka-plain", { type: "kafka", endpoints, topic: "lines" }],
  ])("is an output: %s", async (name, output) => {
    const password = name === "redis" || ("user" in output && output.user !== undefined) ? "s3cret" : undefined;
    const rendered = renderOutputYml(normalizeOutput("logs", output), { memoryMiB: 256, rejected: "shop-dev-logs-rejected", password });
    await expect(rendered).toMatchFileSnapshot(`golden/output-${name}.yml`);
  });

  it("is what its keeper makes of the inputs", async () => {
    const rendered = renderKeeperSettings({
      inputs: [
        file({
          volume: "files",
          paths: ["a/*.log", "b/*.log*"],
          encoding: "gbk",
          excludeFiles: ["\\.gz$"],
          tags: ["chinese"],
          includeLines: ["^E"],
        }),
        file({
          volume: "files",
          paths: ["c.json"],
          json: { target: "", messageKey: "msg" },
          multiline: { pattern: "^\\s" },
          index: "app-log",
        }),
      ],
      containers: {
        stack: "shop-dev",
        rules: [
          rule({ components: ["gateway"], accessLog: true }),
          rule({ excludeLines: ["DEBUG"], fields: { team: "shop" }, stream: "stderr" }),
        ],
      },
      elasticsearch: { urls: endpoints.map((endpoint) => endpoint.url("http")), user: "logs" },
      retention: { indices: ["container-log"], days: 14 },
      relay: { listen: "127.0.0.1:9201", targets: endpoints.map(String) },
      hosts: ["http://127.0.0.1:9201"],
      hostsPath: "output.elasticsearch.hosts",
    });
    await expect(rendered).toMatchFileSnapshot("golden/keeper.json");
    await expect(
      renderKeeperSettings({
        inputs: [],
        containers: { stack: "shop-dev", rules: [rule({ accessLog: true }, "logstash")] },
        hosts: ["10.89.0.215:5044"],
        hostsPath: "output.logstash.hosts",
      }),
    ).toMatchFileSnapshot("golden/keeper-logstash.json");
  });
});

describe("what Logstash and Kibana read", () => {
  it("is as it was", async () => {
    const logstash = normalizeLogstash({
      workers: 3,
      pipelines: { audit: { config: "input { stdin {} } output { stdout {} }", workers: 1 } },
    });
    await expect(renderLogstashYml("logs-logstash-1", logstash)).toMatchFileSnapshot("golden/logstash.yml");
    await expect(renderPipelinesYml(logstash)).toMatchFileSnapshot("golden/pipelines.yml");
    await expect(renderLogstashLogging()).toMatchFileSnapshot("golden/log4j2.properties");
    await expect(renderMainPipeline({ elasticsearch: endpoints, filter: "" })).toMatchFileSnapshot("golden/main.conf");
    const filter = 'mutate {\n  add_tag => ["shop"]\n}\n';
    await expect(renderMainPipeline({ elasticsearch: endpoints, user: "logs", password: 's3"cret', filter })).toMatchFileSnapshot(
      "golden/main-login.conf",
    );
    const settings = { name: "logs-kibana-1", elasticsearch: endpoints };
    await expect(renderKibanaYml(settings, normalizeKibana({}))).toMatchFileSnapshot("golden/kibana.yml");
    await expect(
      renderKibanaYml({ ...settings, user: "kibana", password: "s3cret" }, normalizeKibana({ basePath: "/kibana", memoryMiB: 2048 })),
    ).toMatchFileSnapshot("golden/kibana-login.yml");
  });
});

/** Runs a gate's script with a `curl` and a `stat` that say what is given. */
async function runWith(command: readonly string[], answers: Record<string, string>, ageSeconds: number) {
  const folder = await mkdtemp(join(tmpdir(), "gate-"));
  try {
    const cases = Object.entries(answers).map(([path, text]) => `*${path}) printf '%s' '${text}';;`);
    const changed = Math.floor(Date.now() / 1000) - ageSeconds;
    const programs = {
      curl: `for last; do :; done; case $last in ${cases.join(" ")} *) exit 22;; esac`,
      stat: `echo ${changed}`,
    };
    for (const [name, script] of Object.entries(programs)) await writeFile(join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    const [program = "", ...args] = command;
    return await execa(program, args, { env: { PATH: `${folder}:${process.env.PATH}` }, reject: false });
  } finally {
    await rm(folder, { recursive: true });
  }
}

describe("the gate of Logstash", () => {
  const reloads = (failure: string | null, success: string | null) => ({
    events: { out: 1 },
    reloads: {
      last_error: failure && { message: 'Expected one of [ \t], "{"', backtrace: ["a.rb:1"] },
      successes: 1,
      last_success_timestamp: success,
      last_failure_timestamp: failure,
      failures: 1,
    },
    queue: { type: "persisted" },
  });
  const [early, late] = ["2026-11-28T10:00:00.000Z", "2026-11-28T10:00:05.000Z"];
  const ask = async (pipelines: Record<string, unknown>, age = 60) =>
    runWith(
      logstashWhole(),
      { "/_node/pipelines/main": "{}", "/_node/stats/pipelines": JSON.stringify({ host: "x", pipelines }, undefined, 0) },
      age,
    );

  it("passes where what was last changed runs", async () => {
    for (const main of [reloads(null, null), reloads(null, late), reloads(early, late)]) expect((await ask({ main })).exitCode).toBe(0);
  });

  it("fails with Logstash's words where it could not be started anew, whichever pipeline it is", async () => {
    for (const pipelines of [
      { main: reloads(late, early) },
      { main: reloads(null, late), audit: reloads(late, null) },
      { audit: reloads(late, null), main: reloads(early, late) },
    ]) {
      const { exitCode, stdout } = await ask(pipelines);
      expect([exitCode, stdout]).toEqual([1, expect.stringMatching(/a pipeline could not be started anew: .*Expected one of/)]);
    }
  });

  it("waits until Logstash has looked, and for its own pipeline", async () => {
    expect(await ask({ main: reloads(null, null) }, 3)).toMatchObject({ exitCode: 1, stdout: "pipelines changed 3 s ago" });
    expect(await runWith(logstashWhole(), {}, 60)).toMatchObject({ exitCode: 1, stdout: "its pipeline does not run" });
  });
});

describe("the gate of Kibana", () => {
  it("waits until Kibana has started since its file was changed", async () => {
    const kibana = normalizeKibana({});
    const answers = { "/api/status": "" };
    // The first process of this machine has started long ago.
    expect(await runWith(kibanaWhole(kibana), answers, 0)).toMatchObject({ exitCode: 1, stdout: "it runs with what it read before" });
    expect(await runWith(kibanaWhole(kibana), answers, 400 * 86_400)).toMatchObject({ exitCode: 0 });
    expect(await runWith(kibanaWhole(kibana), {}, 400 * 86_400)).toMatchObject({ exitCode: 22 });
  });
});
