import type { NormalLogIndices } from "./index-args";
import type { Section } from "./filebeat-inputs";
import type { NormalKafkaOutput, NormalLogOutput, NormalRedisOutput } from "./output-args";

/** What one Filebeat depends on, beside its inputs and its output. */
export interface FilebeatSettings {
  /** Name of the host in every event. */
  readonly host: string;
  readonly memoryMiB: number;
}

/** Events that wait in memory for what is before them; where they go at once there are a thousand in a request. */
function queueEvents(memoryMiB: number): number {
  return Math.max(512, Math.min(memoryMiB * 16, 8192));
}

/** `filebeat.yml`, which Filebeat reads when it starts. */
export function renderFilebeatYml({ host, memoryMiB }: FilebeatSettings): string {
  const events = queueEvents(memoryMiB);
  return json({
    name: host,
    filebeat: {
      config: { inputs: { enabled: true, path: "/run/filebeat/inputs/*.yml", reload: { enabled: true, period: "1s" } } },
      // How far each file is read is noted with every batch that was taken, so that a kill repeats no more than that.
      registry: { flush: "0s" },
      shutdown_timeout: "5s",
    },
    queue: { mem: { events, flush: { min_events: events / 4, timeout: "100ms" } } },
    // Whoever gates and probes asks it here.
    http: { enabled: true, host: "127.0.0.1", port: 5066 },
    logging: { level: "warning", json: true, to_stderr: true, metrics: { enabled: false } },
    setup: {
      // A server without X-Pack has none.
      ilm: { enabled: false },
      // It knows of one template alone, and writes on where that is refused: its keeper puts them.
      template: { enabled: false },
    },
  });
}

export interface OutputSettings {
  readonly memoryMiB: number;
  /** First part of the names of the indices for what does not fit. */
  readonly rejected: string;
  readonly password?: string;
}

/**
 * `output.yml`: what Filebeat reads beside `filebeat.yml`, for itself alone.
 *
 * An event stays in the queue until the output has it for good, however often it must be tried.
 */
export function renderOutputYml(output: NormalLogOutput, settings: OutputSettings): string {
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
            // An event that does not fit its index is kept beside it, in one of the day: Elasticsearch puts in the date, which Filebeat does not.
            non_indexable_policy: { dead_letter_index: { index: `<${settings.rejected}-{now/d}>` } },
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

/** Beyond what Elasticsearch and Beats bring themselves. */
const PRIORITY = 500;

/**
 * `templates.json`: a template for each first part of the indices' names, by the template's name.
 *
 * Two pipelines that fill indices of one name share its template. Elasticsearch refuses two templates of one priority that could both be for an
 * index: of `app-*` and `app-log-*` the longer one counts.
 */
export function renderTemplates(prefixes: readonly string[], indices: NormalLogIndices): string {
  return json(Object.fromEntries(prefixes.map((prefix) => [`dockyard-${prefix}`, template(prefix, indices)])));
}

function template(prefix: string, { shards, replicas, refreshSeconds, properties }: NormalLogIndices): Section {
  return {
    index_patterns: [`${prefix}-*`],
    priority: PRIORITY + prefix.length,
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
  };
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
