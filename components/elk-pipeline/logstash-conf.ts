import type { Endpoint } from "../core/endpoint";
import { INDEX_PREFIX } from "./index-args";
import { MAIN_PIPELINE, NormalLogstashArgs } from "./logstash-args";

export const BEATS_PORT = 5044;
export const LOGSTASH_CONFIG = "/etc/logstash";
export const LOGSTASH_DATA = "/usr/share/logstash/data";
const CURRENT = `${LOGSTASH_CONFIG}/current`;
const API_PORT = 9600;

export const LOGSTASH_FILES = {
  settings: "logstash.yml",
  pipelines: "pipelines.yml",
  logging: "log4j2.properties",
} as const;

export function pipelineFile(name: string): string {
  return `pipeline/${name}.conf`;
}

/** `logstash.yml`, which Logstash reads when it starts. */
export function renderLogstashYml(name: string, { queueMiB }: NormalLogstashArgs): string {
  return json({
    "node.name": name,
    "http.host": "127.0.0.1",
    "http.port": API_PORT,
    "path.data": LOGSTASH_DATA,
    "config.reload.automatic": true,
    "config.reload.interval": "3s",
    // What Filebeat was told to be taken is on the disk.
    "queue.type": "persisted",
    "queue.max_bytes": `${queueMiB}mb`,
    "queue.checkpoint.writes": 1024,
    // What Elasticsearch refuses is kept aside.
    "dead_letter_queue.enable": true,
    "dead_letter_queue.max_bytes": "256mb",
  });
}

export function renderPipelinesYml({ workers, batchSize, pipelines }: NormalLogstashArgs): string {
  const pipeline = (name: string, threads: number) => ({
    "pipeline.id": name,
    "path.config": `${CURRENT}/${pipelineFile(name)}`,
    "pipeline.workers": threads,
    "pipeline.batch.size": batchSize,
  });
  return json([
    pipeline(MAIN_PIPELINE, workers),
    ...Object.entries(pipelines).map(([name, { workers: threads }]) => pipeline(name, threads)),
  ]);
}

export interface MainPipeline {
  readonly elasticsearch: readonly Endpoint[];
  readonly user?: string;
  readonly password?: string;
  /** Filters behind the component's own. */
  readonly filter: string;
}

/** The component's own pipeline: from Filebeat to the index of the line's day. */
export function renderMainPipeline({ elasticsearch, user, password, filter }: MainPipeline): string {
  const target = [
    `hosts => [${elasticsearch.map((endpoint) => word(endpoint.url("http"))).join(", ")}]`,
    ...(user === undefined || password === undefined ? [] : [`user => ${word(user)}`, `password => ${word(password)}`]),
    'index => "%{[event][dataset]}-%{+YYYY.MM.dd}"',
    "ilm_enabled => false",
    "data_stream => false",
    // The keeper of Filebeat, which is on the way to Elasticsearch, puts the templates.
    "manage_template => false",
  ];
  return [
    block("input", [block("beats", [`port => ${BEATS_PORT}`])]),
    block("filter", [
      block(`if [event][dataset] == "${INDEX_PREFIX.access}"`, [
        block("json", ['source => "message"', 'target => "nginx"', 'tag_on_failure => ["not_json"]']),
        block('if "not_json" not in [tags]', [
          block("date", ['match => ["[nginx][time]", "ISO8601"]']),
          block("mutate", ['remove_field => ["message", "[nginx][time]"]']),
        ]),
      ]),
      ...(filter.trim() === "" ? [] : [filter.trim()]),
    ]),
    block("output", [
      "# A line that is read again has the id that it had: it is there once.",
      `${block("if [@metadata][_id]", [block("elasticsearch", [...target, 'document_id => "%{[@metadata][_id]}"'])])} ${block("else", [block("elasticsearch", target)])}`,
    ]),
    "",
  ].join("\n");
}

function block(head: string, lines: readonly string[]): string {
  return [`${head} {`, ...lines.flatMap((line) => line.split("\n").map((each) => `  ${each}`)), "}"].join("\n");
}

/** Logstash's strings know no escapes, and either kind of quotes. */
function word(text: string): string {
  return text.includes('"') ? `'${text}'` : `"${text}"`;
}

export function renderLogstashLogging(): string {
  return [
    "status = error",
    "name = LogstashPropertiesConfig",
    "appender.console.type = Console",
    "appender.console.name = plain_console",
    "appender.console.layout.type = PatternLayout",
    "appender.console.layout.pattern = [%d{ISO8601}][%-5p][%-25c]%notEmpty{[%X{pipeline.id}]} %m%n",
    "rootLogger.level = warn",
    "rootLogger.appenderRef.console.ref = plain_console",
    "",
  ].join("\n");
}

export function logstashCommand(): string[] {
  return ["logstash", "--path.settings", CURRENT];
}

/** The heap of the one that runs leaves as much for the one that checks. */
export function logstashEnvironment({ memoryMiB }: NormalLogstashArgs): Record<string, string> {
  const heap = Math.floor(memoryMiB / 3);
  return { LS_JAVA_OPTS: `-Xms${heap}m -Xmx${heap}m` };
}

export function logstashCheck(folder: string): string[] {
  const options = ["--path.settings", folder, "--path.data", "/tmp/check", "--config.test_and_exit", "-f", `${folder}/pipeline`];
  return ["env", "LS_JAVA_OPTS=-Xms256m -Xmx256m", "logstash", ...options];
}

/** Asks Logstash whether its own pipeline runs. */
export function logstashProbe(): string[] {
  return [
    "curl",
    "--silent",
    "--fail",
    "--max-time",
    "5",
    "--output",
    "/dev/null",
    `http://127.0.0.1:${API_PORT}/_node/pipelines/${MAIN_PIPELINE}`,
  ];
}

/** Logstash looks for changed pipelines by itself, and at once when it is asked to. */
export function logstashReload(): string[] {
  return ["/bin/sh", "-c", "kill -HUP 1"];
}

/** Seconds in which Logstash has looked for changed pipelines, as it does every three, and started them. */
const RELOAD_SECONDS = 20;

/**
 * Asks Logstash whether its own pipeline runs, and each one as it was last changed: what cannot be started is left as it was, and the statistics
 * alone tell.
 */
export function logstashWhole(): string[] {
  const get = (path: string) => `curl --silent --fail --max-time 5 http://127.0.0.1:${API_PORT}${path}`;
  const lines = [
    `${get(`/_node/pipelines/${MAIN_PIPELINE}`)} > /dev/null || { echo "its pipeline does not run"; exit 1; }`,
    `age=$(($(date +%s) - $(stat -c %Y ${CURRENT})))`,
    `[ "$age" -ge ${RELOAD_SECONDS} ] || { echo "pipelines changed $age s ago"; exit 1; }`,
    `stats=$(${get("/_node/stats/pipelines")}) || exit 1`,
    // What comes behind the word is of one pipeline, up to the next one's.
    `printf '%s' "$stats" | tr -d '\\n' | sed 's/"reloads"/\\n&/g' | grep '^"reloads"' > /tmp/reloads`,
    `at() { printf '%s' "$reloads" | sed -n "s/.*\\"last_$1_timestamp\\" *: *\\"\\([^\\"]*\\)\\".*/\\1/p"; }`,
    "while read -r reloads; do",
    "  failure=$(at failure); success=$(at success)",
    `  if [ -n "$failure" ] && [ "$(printf '%s\\n' "$success" "$failure" | sort | tail -n 1)" = "$failure" ]; then`,
    `    echo "a pipeline could not be started anew: $reloads" | head -c 600; exit 1`,
    "  fi",
    "done < /tmp/reloads",
  ];
  return ["/bin/sh", "-c", lines.join("\n")];
}

function json(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
