import type { NormalLogIndices } from "./index-args";
import type { Section } from "./filebeat-inputs";
import type { NormalKafkaOutput, NormalLogOutput, NormalRedisOutput } from "./output-args";

/** What one Filebeat depends on, beside its inputs and its output. */
export interface FilebeatSettings {
  /** Name of the host in every event. */
  readonly host: string;
  readonly memoryMiB: number;
  /** Name of the template that Filebeat puts before its first event; undefined where the output has none. */
  readonly template: string | undefined;
}

/** Events that wait in memory for what is before them; where they go at once there are a thousand in a request. */
function queueEvents(memoryMiB: number): number {
  return Math.max(512, Math.min(memoryMiB * 16, 8192));
}

/** `filebeat.yml`, which Filebeat reads when it starts. */
export function renderFilebeatYml({ host, memoryMiB, template }: FilebeatSettings): string {
  const events = queueEvents(memoryMiB);
  return json({
    name: host,
    filebeat: {
      config: { inputs: { enabled: true, path: "/run/filebeat/inputs/*.yml", reload: { enabled: true, period: "1s" } } },
      // How far each file is read is noted with every batch that was taken, so that a kill repeats no more than that.
      registry: { flush: "0s" },
      shutdown_timeout: "5s",
    },
    queue: { mem: { events, flush: { min_events: events / 4, timeout: "200ms" } } },
    // Whoever gates and probes asks it here.
    http: { enabled: true, host: "127.0.0.1", port: 5066 },
    logging: { level: "warning", json: true, to_stderr: true, metrics: { enabled: false } },
    setup: {
      // A server without X-Pack has none.
      ilm: { enabled: false },
      template:
        template === undefined
          ? { enabled: false }
          : {
              enabled: true,
              overwrite: true,
              type: "index",
              name: template,
              pattern: `${template}-*`,
              json: { enabled: true, name: template, path: "${path.config}/template.json" },
            },
    },
  });
}

/**
 * `output.yml`: what Filebeat reads beside `filebeat.yml`, for itself alone.
 *
 * An event stays in the queue until the output has it for good, however often it must be tried.
 */
export function renderOutputYml(output: NormalLogOutput, settings: { memoryMiB: number; rejected: string; password?: string }): string {
  const hosts = hostsOf(output);
  const bulk = { bulk_max_size: queueEvents(settings.memoryMiB) / 4 };
  const { password } = settings;
  switch (output.type) {
    case "elasticsearch":
      return json({
        output: {
          elasticsearch: {
            hosts,
            ...(output.user !== undefined && { username: output.user, password }),
            index: INDEX,
            allow_older_versions: true,
            ...bulk,
            backoff: { init: "1s", max: "5s" },
            // An event that does not fit its index is kept beside it.
            non_indexable_policy: { dead_letter_index: { index: settings.rejected } },
          },
        },
      });
    case "logstash":
      return json({ output: { logstash: { hosts, loadbalance: true, ...bulk, backoff: { init: "1s", max: "5s" } } } });
    case "redis":
      return json({ output: { redis: renderRedis(output, hosts, bulk, password) } });
    case "kafka":
      return json({ output: { kafka: renderKafka(output, hosts, bulk, password) } });
  }
}

/** Of the line's own day. */
const INDEX = "%{[event.dataset]}-%{+yyyy.MM.dd}";

function renderRedis({ key, database }: NormalRedisOutput, hosts: readonly string[], bulk: Section, password?: string): Section {
  return {
    hosts,
    ...(password !== undefined && { password }),
    key,
    db: database,
    datatype: "list",
    ...bulk,
    backoff: { init: "1s", max: "5s" },
  };
}

function renderKafka({ topic, user, mechanism }: NormalKafkaOutput, hosts: readonly string[], bulk: Section, password?: string): Section {
  return {
    hosts,
    topic,
    ...(user !== undefined && { username: user, password, sasl: { mechanism } }),
    // Brokers of version 4 answer nobody older.
    version: "2.1.0",
    required_acks: -1,
    compression: "none",
    ...bulk,
  };
}

/** Addresses as Filebeat takes them. */
export function hostsOf({ type, endpoints }: NormalLogOutput): string[] {
  return endpoints.map((endpoint) => (type === "elasticsearch" ? endpoint.url("http") : String(endpoint)));
}

/** The template of all indices that the pipeline fills. */
export function renderTemplateJson(
  prefixes: readonly string[],
  { shards, replicas, refreshSeconds, properties }: NormalLogIndices,
): string {
  return json({
    index_patterns: prefixes.map((prefix) => `${prefix}-*`),
    priority: 100,
    template: {
      settings: {
        number_of_shards: shards,
        number_of_replicas: replicas,
        refresh_interval: `${refreshSeconds * 1000}ms`,
        // A field that is none of its type is left out of the index, and stays in the document.
        "index.mapping.ignore_malformed": true,
      },
      mappings: {
        dynamic_templates: [{ words: { match_mapping_type: "string", mapping: { type: "keyword", ignore_above: 1024 } } }],
        properties: { ...PROPERTIES, ...properties },
      },
    },
  });
}

const KEYWORD = { type: "keyword", ignore_above: 1024 };

const PROPERTIES = {
  "@timestamp": { type: "date" },
  message: { type: "text" },
  "log.offset": { type: "long" },
  "nginx.requestId": KEYWORD,
  "nginx.client": { type: "ip" },
  "nginx.uri": { type: "keyword", ignore_above: 8191 },
  "nginx.status": { type: "integer" },
  "nginx.bytes": { type: "long" },
  "nginx.requestTime": { type: "float" },
  // Of several instances that were tried there is a list in words.
  "nginx.upstreamTime": KEYWORD,
};

function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
