import { Endpoint } from "../core/endpoint";
import { healthCondition } from "../core/gate";
import { Host } from "../core/host";
import { ConfigFile } from "../core/live-config";
import { engineName, stackId } from "../core/naming";
import type { RollingNode } from "../core/rolling-set";
import { secretOnly } from "../core/secret";
import { NormalElkPipelineArgs } from "./args";
import { VOLUMES_PATH, renderContainerRule, renderFileInput } from "./filebeat-inputs";
import { hostsOf, renderFilebeatYml, renderOutputYml, renderTemplates } from "./filebeat-yml";
import { INDEX_PREFIX } from "./index-args";
import type { NormalContainerInput, NormalFileInput } from "./input-args";
import {
  CONTAINERS_PATH,
  FILEBEAT_CONFIG,
  FILEBEAT_DATA,
  FILEBEAT_FILES,
  RELAY_PORT,
  keeperCheck,
  keeperCommand,
  keeperProbe,
  keeperReload,
  keeperWhole,
  renderKeeperSettings,
} from "./keeper-settings";
import { NormalLogOutput, passwordOf } from "./output-args";

/** First parts of the names of all indices that a pipeline fills. */
export function indexPrefixes({ inputs }: Pick<NormalElkPipelineArgs, "inputs">): string[] {
  const all = inputs.flatMap((input) =>
    input.type === "container" && input.accessLog ? [input.index, INDEX_PREFIX.access] : [input.index],
  );
  return [...new Set(all)].sort();
}

/** First part of the names of the indices for what fits no other; Elasticsearch's names are in lower case, and several stacks may share one. */
function rejectedPrefix(name: string): string {
  return `${engineName(name).toLowerCase()}-rejected`;
}

/** First parts of the names of all indices that have a template, and an end. Logstash keeps what does not fit on its own disk. */
function keptPrefixes(name: string, pipeline: NormalElkPipelineArgs): string[] {
  return [...indexPrefixes(pipeline), ...(pipeline.processor === "filebeat" ? [rejectedPrefix(name)] : [])];
}

/** The Filebeat of one host. @param logstash Where events go first; undefined where Filebeat is the processor. */
export function filebeatNode(
  name: string,
  index: number,
  host: Host,
  address: string,
  pipeline: NormalElkPipelineArgs,
  logstash: Endpoint | undefined,
): RollingNode {
  const { network, image, memoryMiB, cpus, transform } = pipeline;
  const node = `${name}-${index + 1}`;
  const files = fileInputs(pipeline, host);
  const volumes = [...new Set(files.map(({ volume }) => volume))];
  return {
    name: node,
    host,
    dataPath: FILEBEAT_DATA,
    config: {
      mountPath: FILEBEAT_CONFIG,
      files: configFiles(name, index, host, pipeline, logstash),
      check: keeperCheck,
      reload: keeperReload(),
    },
    container: {
      network,
      address,
      image,
      memoryMiB,
      cpus,
      transform,
      user: "0:0",
      rootReason: "logs belong to whoever wrote them, and those of containers to the engine, which is root",
      // Containers' logs are root's own. CAP_DAC_READ_SEARCH would do for others, but opens files of the host's that are not mounted, by their handles.
      capabilities:
        files.length === 0 ? {} : { CAP_DAC_OVERRIDE: "reads files on volumes, whoever wrote them; they are mounted for reading alone" },
      command: keeperCommand(),
      // What is collected is collected before the limit is met.
      environment: { GOMEMLIMIT: `${Math.floor(memoryMiB * 0.75)}MiB` },
      mounts: volumes.map((volume) => ({ volume, path: `${VOLUMES_PATH}/${volume}`, readOnly: true })),
      hostMounts: containerInputs(pipeline).length === 0 ? [] : [engineLogs(host)],
      tmpfs: { "/tmp": "rw,noexec,nosuid,nodev,size=64m", "/run/filebeat": "rw,noexec,nosuid,nodev,size=16m,mode=0755" },
      health: { command: keeperProbe(), timeoutSeconds: 5, startPeriodSeconds: 30 },
    },
    whole: healthCondition(engineName(node), keeperWhole()),
    // The output may be forming yet.
    gateTimeoutSeconds: 300,
  };
}

/** Without the engine's socket, which is root on the host: the files beside each log tell whose it is. */
function engineLogs({ dataRoot }: Host) {
  return {
    hostPath: `${dataRoot}/containers`,
    path: CONTAINERS_PATH,
    reason: "the engine keeps what containers write there, and nowhere else",
  };
}

function fileInputs({ inputs }: NormalElkPipelineArgs, { name }: Host): NormalFileInput[] {
  return inputs.filter(
    (input): input is NormalFileInput => input.type === "log" && (input.hosts === undefined || input.hosts.includes(name)),
  );
}

function containerInputs({ inputs }: NormalElkPipelineArgs): NormalContainerInput[] {
  return inputs.filter((input) => input.type === "container");
}

function configFiles(
  name: string,
  index: number,
  host: Host,
  pipeline: NormalElkPipelineArgs,
  logstash: Endpoint | undefined,
): ConfigFile[] {
  const { memoryMiB, elasticsearch, indices } = pipeline;
  const output = nextStop(pipeline, logstash);
  const password = passwordOf(output);
  const render = (text?: string) => renderOutputYml(output, { memoryMiB, rejected: rejectedPrefix(name), password: text });
  return [
    {
      path: FILEBEAT_FILES.settings,
      content: renderFilebeatYml({ host: host.name, memoryMiB }),
    },
    {
      path: FILEBEAT_FILES.output,
      content: password === undefined ? render() : secretOnly(`${name}.output.password`, password).apply(render),
      mode: "0400",
    },
    ...(elasticsearch ? [{ path: FILEBEAT_FILES.templates, content: renderTemplates(keptPrefixes(name, pipeline), indices) }] : []),
    { path: FILEBEAT_FILES.keeper, content: keeperSettings(name, index, host, pipeline, output) },
    ...keeperPassword(name, pipeline),
  ];
}

/** Where Filebeat sends events to: to Elasticsearch by its keeper's relay. */
function nextStop({ output }: NormalElkPipelineArgs, logstash: Endpoint | undefined): NormalLogOutput {
  if (logstash !== undefined) return { type: "logstash", endpoints: [logstash] };
  return output.type === "elasticsearch" ? { ...output, endpoints: [new Endpoint("127.0.0.1", RELAY_PORT)] } : output;
}

function keeperPassword(name: string, { elasticsearch }: NormalElkPipelineArgs): ConfigFile[] {
  const password = elasticsearch?.password;
  if (password === undefined) return [];
  return [{ path: FILEBEAT_FILES.password, content: secretOnly(`${name}.output.password`, password), mode: "0400" }];
}

function keeperSettings(name: string, index: number, host: Host, pipeline: NormalElkPipelineArgs, output: NormalLogOutput): string {
  const { elasticsearch, retentionDays, processor, kibana } = pipeline;
  const shared = processor === "logstash" || kibana !== undefined;
  const rules = containerInputs(pipeline).map((input) => renderContainerRule(input, name, processor));
  return renderKeeperSettings({
    inputs: fileInputs(pipeline, host).map(renderFileInput),
    containers: rules.length === 0 ? undefined : { stack: stackId(), rules },
    elasticsearch: elasticsearch && { urls: hostsOf(elasticsearch), user: elasticsearch.user },
    // One Filebeat's keeper deletes what is old, for all.
    retention: retentionDays === null || index > 0 ? undefined : { indices: keptPrefixes(name, pipeline), days: retentionDays },
    // Logstash and Kibana come by the first one's.
    relay: elasticsearch && {
      listen: `${shared && index === 0 ? "0.0.0.0" : "127.0.0.1"}:${RELAY_PORT}`,
      targets: elasticsearch.endpoints.map(String),
    },
    hosts: hostsOf(output),
    hostsPath: `output.${output.type}.hosts`,
  });
}
