import * as pulumi from "@pulumi/pulumi";
import { digestOfText } from "../core/digest";
import { healthCondition } from "../core/gate";
import { ConfigFile } from "../core/live-config";
import { engineName } from "../core/naming";
import type { RollingNode } from "../core/rolling-set";
import { secretOnly } from "../core/secret";
import { NormalElkPipelineArgs } from "./args";
import { MAIN_PIPELINE } from "./logstash-args";
import {
  LOGSTASH_CONFIG,
  LOGSTASH_DATA,
  LOGSTASH_FILES,
  logstashCheck,
  logstashCommand,
  logstashEnvironment,
  logstashProbe,
  logstashReload,
  logstashWhole,
  pipelineFile,
  renderLogstashLogging,
  renderLogstashYml,
  renderMainPipeline,
  renderPipelinesYml,
} from "./logstash-conf";
import type { ElasticsearchOutput } from "./output-args";

export function logstashNode(
  name: string,
  address: string,
  pipeline: NormalElkPipelineArgs,
  elasticsearch: ElasticsearchOutput,
): RollingNode {
  const { network, placement, logstash } = pipeline;
  const { image, user, memoryMiB, cpus } = logstash;
  const node = `${name}-logstash-1`;
  const settings = renderLogstashYml(node, logstash);
  return {
    name: node,
    host: placement.hostFor(0),
    dataPath: LOGSTASH_DATA,
    config: {
      mountPath: LOGSTASH_CONFIG,
      files: [
        { path: LOGSTASH_FILES.settings, content: settings },
        { path: LOGSTASH_FILES.pipelines, content: renderPipelinesYml(logstash) },
        { path: LOGSTASH_FILES.logging, content: renderLogstashLogging() },
        ...pipelineFiles(name, pipeline, elasticsearch),
      ],
      check: logstashCheck,
      reload: logstashReload(),
    },
    container: {
      network,
      address,
      image,
      user,
      memoryMiB,
      cpus,
      command: logstashCommand(),
      environment: logstashEnvironment(logstash),
      startConfiguration: digestOfText([settings]),
      // JRuby puts libraries there and loads them.
      tmpfs: { "/tmp": "rw,exec,nosuid,nodev,size=256m" },
      health: { command: logstashProbe(), timeoutSeconds: 6, startPeriodSeconds: 180 },
      // What is in flight is written to the queue on disk.
      stopGraceSeconds: 60,
    },
    whole: healthCondition(engineName(node), logstashWhole()),
    gateTimeoutSeconds: 300,
  };
}

function pipelineFiles(
  name: string,
  { logstash: { filter, pipelines } }: NormalElkPipelineArgs,
  { endpoints, user, password }: ElasticsearchOutput,
): ConfigFile[] {
  const render = (text?: string) => renderMainPipeline({ elasticsearch: endpoints, user, password: text, filter });
  const content: pulumi.Input<string> = password === undefined ? render() : secretOnly(`${name}.output.password`, password).apply(render);
  return [
    { path: pipelineFile(MAIN_PIPELINE), content, mode: "0400" },
    ...Object.entries(pipelines).map(([each, { config }]) => ({ path: pipelineFile(each), content: `${config.trim()}\n` })),
  ];
}
