import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { ElkPipelineArgs, normalizeElkPipelineArgs } from "../../components/elk-pipeline/args";
import { ElkPipeline } from "../../components/elk-pipeline/elk-pipeline";
import { isEncoding } from "../../components/elk-pipeline/encodings";
import { LogInput } from "../../components/elk-pipeline/input-args";
import { Endpoint } from "../../components/core/endpoint";
import { emptyNetwork, recordResources, settled } from "../mocks";

const registered = recordResources();
const network = emptyNetwork({ logs: "10.89.0.211", "logs-logstash": "10.89.0.215", "logs-kibana": "10.89.0.218", plain: "10.89.0.221" });
const endpoints = [new Endpoint("10.89.0.181", 9200), new Endpoint("10.89.0.182", 9200)];
const given: ElkPipelineArgs = { network, inputs: [{ type: "container" }], output: { type: "elasticsearch", endpoints } };
const normal = (changes: Partial<ElkPipelineArgs>) => normalizeElkPipelineArgs("logs", { ...given, ...changes });

describe("a pipeline's arguments", () => {
  it("are one small Filebeat that takes requests apart itself, and a month of days", () => {
    expect(normal({})).toMatchObject({
      processor: "filebeat",
      memoryMiB: 256,
      retentionDays: 30,
      inputs: [{ type: "container", index: "container-log", stream: "all", accessLog: false }],
      indices: { shards: 1, replicas: 1, refreshSeconds: 1 },
      kibana: undefined,
    });
    expect(normal({ output: { type: "redis", endpoints } })).toMatchObject({ retentionDays: null, output: { key: "logs", database: 0 } });
    expect(normal({ output: { type: "kafka", endpoints } }).output).toMatchObject({ topic: "logs", mechanism: "SCRAM-SHA-512" });
  });

  it.each([
    ["plain", true],
    ["gbk", true],
    ["gb2312", true],
    ["utf-16le-bom", true],
    ["cp437", true],
    ["latin1", true],
    ["gbk2", false],
    ["", false],
  ])("know whether Filebeat knows the encoding %s", (name, known) => {
    expect(isEncoding(name)).toBe(known);
  });

  it("are refused all at once, each with what to do, and without a secret in the words", () => {
    const inputs: LogInput[] = [
      { type: "container", index: "Upper", includeLines: [""], accessLog: true, stream: "stderr" },
      { type: "container", components: ["gateway"] },
      { type: "container", components: ["gateway"], multiline: { pattern: "", maxLines: 0, timeoutSeconds: 0 } },
      { type: "log", volume: "/srv", paths: [], encoding: "klingon", hosts: ["elsewhere"], excludeFiles: [""] },
      { type: "log", volume: "files", paths: ["/etc/passwd", "../x"], json: {}, multiline: { pattern: "x" } },
    ];
    const refused = () =>
      normalizeElkPipelineArgs("Logs", {
        ...given,
        inputs,
        output: { type: "elasticsearch", endpoints: [], user: "u", password: "in-clear" as unknown as pulumi.Output<string> },
        processor: "logstash",
        logstash: { workers: 0, batchSize: 0, queueMiB: 1, memoryMiB: 100, cpus: 0, pipelines: { main: { config: " ", workers: 0 } } },
        kibana: { basePath: "kibana/", memoryMiB: 10, cpus: 0 },
        indices: { shards: 0, replicas: -1, refreshSeconds: 0 },
        retentionDays: 0,
        memoryMiB: 10,
        cpus: 0,
      });
    expect(refused).toThrowErrorMatchingInlineSnapshot(`
      [ConfigError: Logs.name: must be lower-case letters, digits and inner hyphens: containers are called by it, got "Logs"
      Logs.memoryMiB: must be a whole number from 96, got 10
      Logs.cpus: must be more than 0, got 0
      Logs.inputs[0].includeLines: must be regular expressions; an empty one matches every line, got [""]
      Logs.inputs[0].index: must be lower-case letters, digits, '.', '_' and '-', a letter or digit first, got "Upper"
      Logs.inputs[0].stream: must not be stderr with accessLog: requests are on the standard output, got "stderr"
      Logs.inputs[1].components: must not be behind an input of all components, which is the first that covers them, got ["gateway"]
      Logs.inputs[2].multiline.pattern: must be a regular expression, such as ^\\s, got ""
      Logs.inputs[2].multiline.maxLines: must be a whole number from 1, got 0
      Logs.inputs[2].multiline.timeoutSeconds: must be more than 0, got 0
      Logs.inputs[2].components: must not be behind an input of all components, which is the first that covers them, got ["gateway"]
      Logs.inputs[2].components: must not be of another input as well; each container is read by one, got "gateway"
      Logs.inputs[3].volume: must be the name of a volume on the engine, got "/srv"
      Logs.inputs[3].paths: must name files of the volume, such as ["*.log"], got []
      Logs.inputs[3].encoding: must be one that Filebeat knows: plain, utf-8, gbk, gb18030, big5, euc-jp, euc-kr, iso-2022-jp, shift-jis, utf-16be, utf-16le, utf-16-bom, utf-16be-bom, utf-16le-bom, iso8859-1, iso8859-2, iso8859-3, iso8859-4, iso8859-5, iso8859-6, iso8859-6e, iso8859-6i, iso8859-7, iso8859-8, iso8859-8e, iso8859-8i, iso8859-9, iso8859-10, iso8859-13, iso8859-14, iso8859-15, iso8859-16, cp437, cp850, cp852, cp855, cp858, cp860, cp862, cp863, cp865, cp866, ebcdic-037, ebcdic-1040, ebcdic-1047, koi8r, koi8u, macintosh, macintosh-cyrillic, windows1250, windows1251, windows1252, windows1253, windows1254, windows1255, windows1256, windows1257, windows1258, windows874, got "klingon"
      Logs.inputs[3].excludeFiles: must be regular expressions; an empty one matches every file, got [""]
      Logs.inputs[3].hosts: must be a host of the placement: local, got "elsewhere"
      Logs.inputs[4].json.messageKey: must be given with multiline: its pattern is looked for in that key, got undefined
      Logs.inputs[4].paths: must be a path in the volume, without a slash at its beginning, got "/etc/passwd"
      Logs.inputs[4].paths: must be a path in the volume, without a slash at its beginning, got "../x"
      Logs.output.endpoints: must name a server, got []
      Logs.output.password: must be a secret, such as config.requireSecret(...) or pulumi.secret(...), got "(in clear)"
      Logs.logstash.workers: must be a whole number from 1, got 0
      Logs.logstash.batchSize: must be a whole number from 1, got 0
      Logs.logstash.queueMiB: must be 64 or more: a page of the queue is as large, got 1
      Logs.logstash.memoryMiB: must be 1024 or more: two JVMs fit while a pipeline is checked, got 100
      Logs.logstash.cpus: must be more than 0, got 0
      Logs.logstash.pipelines.main: must be called by lower-case letters, digits and inner hyphens, and not main, which is the component's own, got "main"
      Logs.logstash.pipelines.main.config: must have an input and an output, got " "
      Logs.logstash.pipelines.main.workers: must be a whole number from 1, got 0
      Logs.kibana.basePath: must be a path without a slash at its end: /kibana, got "kibana/"
      Logs.kibana.memoryMiB: must be 768 or more, got 10
      Logs.kibana.cpus: must be more than 0, got 0
      Logs.indices.shards: must be a whole number from 1, got 0
      Logs.indices.replicas: must be a whole number from 0, got -1
      Logs.indices.refreshSeconds: must be more than 0, got 0
      Logs.retentionDays: must be a whole number from 1, or null to keep all, got 0]
    `);
    expect(refused).not.toThrow(/in-clear/);
  });

  it("go with their output", () => {
    expect(() => normal({ output: { type: "redis", endpoints, key: "", database: -1 }, kibana: {}, indices: {}, retentionDays: 5 }))
      .toThrowErrorMatchingInlineSnapshot(`
        [ConfigError: logs.kibana: must be left out, or output be of type elasticsearch: nobody knows where redis leads to, got "(given)"
        logs.indices: must be left out, or output be of type elasticsearch: nobody knows where redis leads to, got {}
        logs.retentionDays: must be left out, or output be of type elasticsearch: nobody knows where redis leads to, got 5
        logs.output.key: must be the key of a list, got ""
        logs.output.database: must be a whole number from 0, got -1]
      `);
    expect(() => normal({ output: { type: "kafka", endpoints, topic: "a b", user: "u" }, processor: "logstash" }))
      .toThrowErrorMatchingInlineSnapshot(`
        [ConfigError: logs.processor: must be left out, or output be of type elasticsearch: nobody knows where kafka leads to, got "logstash"
        logs.output.user: must be given with a password, and a password with its user, got "u"
        logs.output.topic: must be letters, digits, '.', '_' and '-', got "a b"]
      `);
    expect(() => normal({ logstash: {} })).toThrow(/logs\.logstash: must be left out, or processor be "logstash"/);
    expect(() => normal({ inputs: [] })).toThrow(/logs\.inputs: must name what is read/);
  });

  it("say which type was awaited", () => {
    const odd = { type: "log", volume: "files", pathes: ["*.log"] } as unknown as LogInput;
    expect(() => normal({ inputs: [odd] })).toThrow(/logs\.inputs\[0\]\.pathes: is not known/);
    expect(() => normal({ output: { type: "file" } as never })).toThrow(
      /logs\.output\.type: must be one of elasticsearch, logstash, redis, kafka/,
    );
  });
});

describe("a pipeline", () => {
  it("is one Filebeat that may read and nothing else, with its secrets in files", async () => {
    const password = pulumi.secret("s3cret-of-the-index");
    new ElkPipeline("plain", { ...given, output: { type: "elasticsearch", endpoints, user: "logs", password } });
    new ElkPipeline("logs", {
      ...given,
      inputs: [{ type: "log", volume: "files", paths: ["*.log"] }],
      output: { type: "elasticsearch", endpoints, user: "logs", password },
      processor: "logstash",
      kibana: {},
    });
    const resources = await settled(registered);
    const containers = resources.filter(({ type }) => type === "docker:index/container:Container");
    const byName = Object.fromEntries(containers.map(({ name, inputs }) => [name, inputs]));
    expect(Object.keys(byName).sort()).toEqual(["logs-1", "logs-kibana-1", "logs-logstash-1", "plain-1"]);
    expect(byName["logs-1"]).toMatchObject({ capabilities: { drops: ["ALL"], adds: ["CAP_DAC_OVERRIDE"] } });
    expect(byName["plain-1"]).toMatchObject({
      command: ["filebeat-keeper", "run"],
      user: "0:0",
      readOnly: true,
      capabilities: { drops: ["ALL"], adds: [] },
      volumes: [
        { volumeName: "dockyard-unit-plain-1-data", containerPath: "/var/lib/filebeat", readOnly: false },
        { volumeName: "dockyard-unit-plain-1-config", containerPath: "/etc/filebeat", readOnly: true },
        { hostPath: "/var/lib/docker/containers", containerPath: "/var/lib/docker/containers", readOnly: true },
      ],
    });
    // Without an input of containers nothing of the host is seen.
    expect(JSON.stringify(byName["logs-1"])).not.toContain("hostPath");
    expect(byName["logs-1"]).toMatchObject({ volumes: [{ volumeName: "files", containerPath: "/logs/files", readOnly: true }, {}, {}] });
    expect(byName["logs-logstash-1"]).toMatchObject({
      image: "docker.elastic.co/logstash/logstash:7.17.28",
      user: "1000:1000",
      networksAdvanced: [{ ipv4Address: "10.89.0.215" }],
    });
    expect(byName["logs-kibana-1"]).toMatchObject({
      image: "docker.elastic.co/kibana/kibana:7.17.28",
      ports: [{ internal: 5601, external: 5601, ip: "127.0.0.1", protocol: "tcp" }],
    });
    expect(JSON.stringify(containers)).not.toContain("s3cret-of-the-index");
    const check = resources.find(({ name, type }) => name === "logs-logstash-1-config" && type.startsWith("command:"))?.inputs.create;
    expect(check).toContain("--config.test_and_exit -f");
  });
});
