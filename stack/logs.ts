import * as pulumi from "@pulumi/pulumi";
import { ElkPipeline, type EsCluster, type Host, type KafkaBroker, KIBANA_IMAGE, LOGSTASH_IMAGE, type ServiceNetwork } from "../components";
import type { StackConfig } from "./config";

/** What logs are read and written with. */
export interface LogSystems {
  readonly host: Host;
  readonly network: ServiceNetwork;
  readonly search: EsCluster;
}

/** Has the logs of all containers searched; Logstash takes requests apart where its image is there, Filebeat itself elsewhere. */
export function createLogs({ host, network, search }: LogSystems, config: Pick<StackConfig, "logs" | "allowDataLoss">): ElkPipeline {
  const hasLogstash = host.hasImage(LOGSTASH_IMAGE);
  const { kibanaPort = 5601, processor = hasLogstash ? "logstash" : "filebeat", retentionDays, memoryMiB } = config.logs;
  void pulumi.log.info(`logs: ${processor} takes requests apart; ${LOGSTASH_IMAGE} is ${hasLogstash ? "" : "not "}on the engine`);
  return new ElkPipeline("logs", {
    network,
    inputs: [
      { type: "container", components: ["gateway"], accessLog: true },
      { type: "container", exceptComponents: ["gateway"] },
    ],
    output: { type: "elasticsearch", endpoints: search.endpoints },
    indices: { replicas: search.endpoints.length > 1 ? 1 : 0 },
    retentionDays,
    memoryMiB,
    processor,
    ...(host.hasImage(KIBANA_IMAGE) && { kibana: { publishedPort: kibanaPort } }),
    allowDataLoss: config.allowDataLoss,
  });
}

/** Makes a stream of the gateway's requests, for whoever reads it. */
export function createRequestStream(
  network: ServiceNetwork,
  events: KafkaBroker,
  { allowDataLoss }: Pick<StackConfig, "allowDataLoss">,
): void {
  new ElkPipeline("access-log", {
    network,
    inputs: [{ type: "container", components: ["gateway"], stream: "stdout", accessLog: true }],
    output: {
      type: "kafka",
      endpoints: events.endpoints,
      topic: "access-log",
      user: "gateway-log",
      password: events.password("gateway-log"),
    },
    allowDataLoss,
  });
}
