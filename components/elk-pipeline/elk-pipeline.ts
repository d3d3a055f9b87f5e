import * as pulumi from "@pulumi/pulumi";
import { Endpoint } from "../core/endpoint";
import { nameOnEngines } from "../core/naming";
import { RollingSet } from "../core/rolling-set";
import { ElkPipelineArgs, NormalElkPipelineArgs, normalizeElkPipelineArgs } from "./args";
import { filebeatNode, indexPrefixes } from "./filebeat-nodes";
import { kibanaNode } from "./kibana-node";
import { RELAY_PORT } from "./keeper-settings";
import { BEATS_PORT } from "./logstash-conf";
import { logstashNode } from "./logstash-node";

/**
 * Logs on their way into an index: a Filebeat on each host reads what the stack's containers write, and files on volumes; Elasticsearch, Logstash,
 * Redis or Kafka takes it. Every line arrives at least once, whichever part is killed, as long as its file is there; those of containers
 * are in the index once, since a line that is read again has the id that it had.
 *
 * Inputs change while Filebeat runs. What is written while the output is away waits in the files, also those of containers that are removed meanwhile:
 * the `logMiB` of a container says how much. Two pipelines may share an Elasticsearch, and indices of one name then share their template.
 *
 * @example
 * const logs = new ElkPipeline("logs", {
 *   network,
 *   inputs: [
 *     { type: "container", components: ["gateway"], accessLog: true },
 *     { type: "container", exceptComponents: ["gateway"] },
 *     { type: "log", volume: "shop-dev-billing-data", paths: ["log/*.log"], encoding: "gbk", index: "billing-log" },
 *   ],
 *   output: { type: "elasticsearch", endpoints: search.endpoints },
 * });
 */
export class ElkPipeline extends pulumi.ComponentResource {
  /** First parts of the names of the indices that are filled, before `-yyyy.MM.dd`. */
  public readonly indices: readonly string[];

  /** Where other senders reach Logstash, on the service network; undefined where there is none. */
  public readonly beats: Endpoint | undefined;

  /** Where Kibana is reached, on the host; undefined where there is none. */
  public readonly kibana: Endpoint | undefined;

  constructor(resourceName: string, args: ElkPipelineArgs, opts?: pulumi.ComponentResourceOptions) {
    super("dockyard:index:ElkPipeline", resourceName, {}, opts);
    const name = nameOnEngines(resourceName, opts);
    const pipeline = normalizeElkPipelineArgs(name, args);

    this.indices = indexPrefixes(pipeline);
    const addresses = pipeline.network.addressesOf(name, pipeline.placement.hosts.length);
    const relay = new Endpoint(addresses[0] ?? "", RELAY_PORT);
    this.beats = createLogstash(name, pipeline, relay, { parent: this });
    createFilebeats(name, pipeline, addresses, this.beats, { parent: this });
    this.kibana = createKibana(name, pipeline, relay, { parent: this });

    this.registerOutputs({
      indices: this.indices,
      ...(this.beats && { beats: String(this.beats) }),
      ...(this.kibana && { kibana: String(this.kibana) }),
    });
  }
}

function createFilebeats(
  name: string,
  pipeline: NormalElkPipelineArgs,
  addresses: readonly string[],
  logstash: Endpoint | undefined,
  opts: pulumi.CustomResourceOptions,
): void {
  const { placement, allowDataLoss } = pipeline;
  const nodes = placement.hosts.map((host, index) => filebeatNode(name, index, host, addresses[index] ?? "", pipeline, logstash));
  new RollingSet(`${name}-nodes`, { component: name, nodes, allowDataLoss }, opts);
}

/** @param relay Where Elasticsearch is reached. */
function createLogstash(
  name: string,
  pipeline: NormalElkPipelineArgs,
  relay: Endpoint,
  opts: pulumi.CustomResourceOptions,
): Endpoint | undefined {
  const { processor, elasticsearch, network, allowDataLoss } = pipeline;
  if (processor === "filebeat" || elasticsearch === undefined) return undefined;
  const [address = ""] = network.addressesOf(`${name}-logstash`, 1);
  const nodes = [logstashNode(name, address, pipeline, { ...elasticsearch, endpoints: [relay] })];
  new RollingSet(`${name}-logstash`, { component: name, nodes, allowDataLoss }, opts);
  return new Endpoint(address, BEATS_PORT);
}

function createKibana(
  name: string,
  pipeline: NormalElkPipelineArgs,
  relay: Endpoint,
  opts: pulumi.CustomResourceOptions,
): Endpoint | undefined {
  const { kibana, elasticsearch, network, placement, allowDataLoss } = pipeline;
  if (kibana === undefined || elasticsearch === undefined) return undefined;
  const [address = ""] = network.addressesOf(`${name}-kibana`, 1);
  const nodes = [kibanaNode(name, address, pipeline, kibana, { ...elasticsearch, endpoints: [relay] })];
  new RollingSet(`${name}-kibana`, { component: name, nodes, allowDataLoss }, opts);
  return new Endpoint(placement.hostFor(0).address, kibana.publishedPort);
}
