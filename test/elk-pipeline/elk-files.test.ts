import { describe, expect, it } from "vitest";
import { Endpoint } from "../../components/core/endpoint";
import { LogProcessor, renderContainerRule, renderFileInput } from "../../components/elk-pipeline/filebeat-inputs";
import { renderFilebeatYml, renderOutputYml, renderTemplateJson } from "../../components/elk-pipeline/filebeat-yml";
import { normalizeIndices } from "../../components/elk-pipeline/index-args";
import { ContainerInput, FileInput, NormalContainerInput, NormalFileInput, normalizeInput } from "../../components/elk-pipeline/input-args";
import { renderKeeperSettings } from "../../components/elk-pipeline/keeper-settings";
import { normalizeKibana } from "../../components/elk-pipeline/kibana-args";
import { renderKibanaYml } from "../../components/elk-pipeline/kibana-yml";
import { normalizeLogstash } from "../../components/elk-pipeline/logstash-args";
import {
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
    await expect(renderFilebeatYml({ host: "local", memoryMiB: 256, template: "shop-dev-logs" })).toMatchFileSnapshot(
      "golden/filebeat.yml",
    );
    await expect(renderFilebeatYml({ host: "b", memoryMiB: 96, template: undefined })).toMatchFileSnapshot("golden/filebeat-plain.yml");
    const properties = { "json.user": { type: "keyword" } };
    await expect(
      renderTemplateJson(["container-log", "nginx-access-log"], normalizeIndices({ replicas: 0, properties })),
    ).toMatchFileSnapshot("golden/template.json");
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
      retention: { urls: endpoints.map((endpoint) => endpoint.url("http")), user: "logs", indices: ["container-log"], days: 14 },
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
    const template = "shop-dev-logs";
    await expect(renderMainPipeline({ elasticsearch: endpoints, template, filter: "" })).toMatchFileSnapshot("golden/main.conf");
    const filter = 'mutate {\n  add_tag => ["shop"]\n}\n';
    await expect(renderMainPipeline({ elasticsearch: endpoints, user: "logs", password: 's3"cret', template, filter })).toMatchFileSnapshot(
      "golden/main-login.conf",
    );
    const settings = { name: "logs-kibana-1", elasticsearch: endpoints };
    await expect(renderKibanaYml(settings, normalizeKibana({}))).toMatchFileSnapshot("golden/kibana.yml");
    await expect(
      renderKibanaYml({ ...settings, user: "kibana", password: "s3cret" }, normalizeKibana({ basePath: "/kibana", memoryMiB: 2048 })),
    ).toMatchFileSnapshot("golden/kibana-login.yml");
  });
});
