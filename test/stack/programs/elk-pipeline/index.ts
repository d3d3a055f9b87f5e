/** A small Elasticsearch and the pipelines that fill its indices, as the stack's configuration says. */
import * as pulumi from "@pulumi/pulumi";
import { ElkPipeline, ElkPipelineArgs, Endpoint, EsCluster, Host, LogInput, Placement, ServiceNetwork } from "../../../../components";
import { plainJava } from "../java";

const config = new pulumi.Config("dockyard");
const { subnet, search: firstNode, logs: filebeat, others: otherFilebeat } = config.requireObject<Record<string, string>>("network");
const { search: httpPort } = config.requireObject<{ search: number }>("ports");
const inputs = config.requireObject<LogInput[]>("inputs");
const settings = config.getObject<Partial<ElkPipelineArgs>>("logs") ?? {};
const others = config.getObject<LogInput[]>("others");
const redis = config.getObject<{ host: string; port: number }>("redis");

const network = new ServiceNetwork("services", {
  placement: new Placement([new Host({ name: "local" })]),
  subnet: subnet ?? "",
  addresses: { search: firstNode ?? "", logs: filebeat ?? "", ...(otherFilebeat !== undefined && { others: otherFilebeat }) },
});
const search = new EsCluster("search", { network, nodes: 1, httpPort, memoryMiB: 704, snapshots: false, ...plainJava });
new ElkPipeline("logs", {
  network,
  inputs,
  output: redis
    ? { type: "redis", endpoints: [new Endpoint(redis.host, redis.port)], password: config.requireSecret("redisPassword") }
    : { type: "elasticsearch", endpoints: search.endpoints },
  ...settings,
});
if (others)
  new ElkPipeline("others", { network, inputs: others, output: { type: "elasticsearch", endpoints: search.endpoints }, memoryMiB: 96 });
