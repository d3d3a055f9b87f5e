import {
  NETWORK,
  PLACEMENT,
  callback,
  checkShape,
  listOf,
  maybe,
  number,
  numberOrNull,
  oneOf,
  shape,
  text,
  texts,
} from "../core/argument-shape";
import { Checks } from "../core/errors";
import type { Placement } from "../core/host";
import { imageReference } from "../core/images";
import { NAME_PATTERN } from "../core/naming";
import type { ContainerTransform } from "../core/container-transform";
import type { ServiceNetwork } from "../core/service-network";
import type { LogProcessor } from "./filebeat-inputs";
import { LOG_INDICES, LogIndices, NormalLogIndices, checkIndices, normalizeIndices } from "./index-args";
import { LOG_INPUT, LogInput, NormalLogInput, checkInputs, normalizeInput } from "./input-args";
import { KIBANA, KibanaArgs, NormalKibanaArgs, checkKibana, normalizeKibana } from "./kibana-args";
import { LOGSTASH, LogstashArgs, NormalLogstashArgs, checkLogstash, normalizeLogstash } from "./logstash-args";
import { ElasticsearchOutput, LOG_OUTPUT, LogOutput, NormalLogOutput, checkOutput, normalizeOutput } from "./output-args";

export interface ElkPipelineArgs {
  /** Network that Filebeat, Logstash and Kibana join; their addresses come from it: `<name>`, `<name>-logstash`, `<name>-kibana`. */
  network: ServiceNetwork;

  /** Hosts, of which each has a Filebeat. @default the network's */
  placement?: Placement;

  /** What is read. */
  inputs: readonly LogInput[];

  /** Where events go in the end. */
  output: LogOutput;

  /** Who takes a gateway's requests apart: Filebeat itself, or a Logstash between it and Elasticsearch. @default "filebeat" */
  processor?: LogProcessor;

  /** Logstash, where it is the processor. @default as its own fields say */
  logstash?: LogstashArgs;

  /** A page on which the indices are looked at. @default none */
  kibana?: KibanaArgs;

  /** How indices are made. @default as its own fields say */
  indices?: LogIndices;

  /** Whole days after which an index is deleted; null keeps all. @default 30 where the output is Elasticsearch, else null */
  retentionDays?: number | null;

  /** Image with `filebeat` 7.17 and `filebeat-keeper`. @default Dockyard's own */
  image?: string;

  /** Memory limit of each Filebeat in MiB. @default 256 */
  memoryMiB?: number;

  /** CPUs that each Filebeat may use. @default 1 */
  cpus?: number;

  /** Data volumes that may be deleted, by their name on the engine. @default none */
  allowDataLoss?: readonly string[];

  /** Last word on the containers of Filebeat. @default none */
  transform?: ContainerTransform;
}

const ARGUMENTS = shape<ElkPipelineArgs>({
  network: NETWORK,
  placement: maybe(PLACEMENT),
  inputs: listOf(LOG_INPUT),
  output: LOG_OUTPUT,
  processor: maybe(oneOf(["filebeat", "logstash"])),
  logstash: maybe(LOGSTASH),
  kibana: maybe(KIBANA),
  indices: maybe(LOG_INDICES),
  retentionDays: maybe(numberOrNull),
  image: maybe(text),
  memoryMiB: maybe(number),
  cpus: maybe(number),
  allowDataLoss: maybe(texts),
  transform: maybe(callback),
});

type Optional = "transform";
type Own = "inputs" | "output" | "logstash" | "kibana" | "indices";
export type NormalElkPipelineArgs = Required<Omit<ElkPipelineArgs, Own | Optional>> &
  Pick<ElkPipelineArgs, Optional> & {
    readonly inputs: readonly NormalLogInput[];
    readonly output: NormalLogOutput;
    readonly logstash: NormalLogstashArgs;
    readonly kibana?: NormalKibanaArgs;
    readonly indices: NormalLogIndices;
    /** Where the indices are; undefined where somebody else fills them. */
    readonly elasticsearch?: ElasticsearchOutput;
  };

/** Filebeat with an empty queue, and as much again for what waits. */
const LEAST_MEMORY_MIB = 96;

/**
 * Fills in the defaults and refuses what cannot work.
 *
 * @throws {ConfigError} naming every fault at once.
 */
export function normalizeElkPipelineArgs(name: string, args: ElkPipelineArgs): NormalElkPipelineArgs {
  checkShape(name, args, ARGUMENTS);
  const output = normalizeOutput(name, args.output);
  const elasticsearch = output.type === "elasticsearch" ? output : undefined;
  const {
    network,
    placement = network.placement,
    processor = "filebeat",
    retentionDays = elasticsearch === undefined ? null : 30,
    image = imageReference("filebeat"),
    memoryMiB = 256,
    cpus = 1,
    allowDataLoss = [],
    transform,
  } = args;
  const inputs = args.inputs.map(normalizeInput);
  const logstash = normalizeLogstash(args.logstash ?? {});
  const kibana = args.kibana && normalizeKibana(args.kibana);
  const indices = normalizeIndices(args.indices ?? {});

  const remedy = `must be left out, or output be of type elasticsearch: nobody knows where ${output.type} leads to`;
  const checks = new Checks(name)
    .that(NAME_PATTERN.test(name), "name", name, "must be lower-case letters, digits and inner hyphens: containers are called by it")
    .that(processor === "filebeat" || elasticsearch !== undefined, "processor", processor, remedy)
    .that(processor === "logstash" || args.logstash === undefined, "logstash", "(given)", 'must be left out, or processor be "logstash"')
    .that(kibana === undefined || elasticsearch !== undefined, "kibana", "(given)", remedy)
    .that(args.indices === undefined || elasticsearch !== undefined, "indices", args.indices, remedy)
    .that(retentionDays === null || elasticsearch !== undefined, "retentionDays", retentionDays, remedy)
    .that(
      Number.isInteger(memoryMiB) && memoryMiB >= LEAST_MEMORY_MIB,
      "memoryMiB",
      memoryMiB,
      `must be a whole number from ${LEAST_MEMORY_MIB}`,
    )
    .that(cpus > 0, "cpus", cpus, "must be more than 0");
  checkInputs(
    checks,
    inputs,
    placement.hosts.map((host) => host.name),
  );
  checkOutput(checks, output);
  checkLogstash(checks, logstash);
  if (kibana) checkKibana(checks, kibana);
  checkIndices(checks, indices, retentionDays);
  checks.done();
  return {
    network,
    placement,
    inputs,
    output,
    processor,
    logstash,
    kibana,
    indices,
    elasticsearch,
    retentionDays,
    image,
    memoryMiB,
    cpus,
    allowDataLoss,
    transform,
  };
}
