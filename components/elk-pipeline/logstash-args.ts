import { Shape, maybe, named, number, shape, text } from "../core/argument-shape";
import { Checks } from "../core/errors";
import { NAME_PATTERN } from "../core/naming";

/** A pipeline of Logstash beside the component's own. */
export interface LogstashPipeline {
  /** `input`, `filter` and `output` in Logstash's own language. */
  readonly config: string;

  /** @default as the component's own */
  readonly workers?: number;
}

/** Logstash, between Filebeat and Elasticsearch. */
export interface LogstashArgs {
  /** Image with `logstash` 7.17 and `curl` on the path. @default "docker.elastic.co/logstash/logstash:7.17.28" */
  readonly image?: string;

  /** `uid:gid` that it runs as. @default "1000:1000" */
  readonly user?: string;

  /** Filters in Logstash's own language, behind those that take the gateway's requests apart. @default none */
  readonly filter?: string;

  /** Further pipelines, by name. @default none */
  readonly pipelines?: Readonly<Record<string, LogstashPipeline>>;

  /** Threads that filter and write. @default 2 */
  readonly workers?: number;

  /** Events that a thread takes at once. @default 500 */
  readonly batchSize?: number;

  /** What may wait on disk while Elasticsearch is away, in MiB; after that Filebeat waits. @default 1024 */
  readonly queueMiB?: number;

  /** Memory limit in MiB: the heap twice, since a new pipeline is checked beside the one that runs. @default 1536 */
  readonly memoryMiB?: number;

  /** CPUs that it may use. @default 1 */
  readonly cpus?: number;
}

/** Names and types of {@link LogstashArgs}. */
export const LOGSTASH = shape<LogstashArgs>({
  image: maybe(text),
  user: maybe(text),
  filter: maybe(text),
  pipelines: maybe(named(shape({ config: text, workers: maybe(number) } satisfies Shape<LogstashPipeline>))),
  workers: maybe(number),
  batchSize: maybe(number),
  queueMiB: maybe(number),
  memoryMiB: maybe(number),
  cpus: maybe(number),
} satisfies Shape<LogstashArgs>);

export type NormalLogstashArgs = Required<Omit<LogstashArgs, "pipelines">> & {
  readonly pipelines: Readonly<Record<string, Required<LogstashPipeline>>>;
};

export const LOGSTASH_IMAGE = "docker.elastic.co/logstash/logstash:7.17.28";

export function normalizeLogstash(given: LogstashArgs): NormalLogstashArgs {
  const {
    image = LOGSTASH_IMAGE,
    user = "1000:1000",
    filter = "",
    workers = 2,
    batchSize = 500,
    queueMiB = 1024,
    memoryMiB = 1536,
    cpus = 1,
  } = given;
  const pipelines = Object.fromEntries(
    Object.entries(given.pipelines ?? {}).map(([name, { config, workers: own = workers }]) => [name, { config, workers: own }]),
  );
  return { image, user, filter, pipelines, workers, batchSize, queueMiB, memoryMiB, cpus };
}

/** Name of the component's own pipeline. */
export const MAIN_PIPELINE = "main";

export function checkLogstash(checks: Checks, { pipelines, workers, batchSize, queueMiB, memoryMiB, cpus }: NormalLogstashArgs): void {
  const whole = (value: number, least: number) => Number.isInteger(value) && value >= least;
  checks
    .that(whole(workers, 1), "logstash.workers", workers, "must be a whole number from 1")
    .that(whole(batchSize, 1), "logstash.batchSize", batchSize, "must be a whole number from 1")
    .that(whole(queueMiB, 64), "logstash.queueMiB", queueMiB, "must be 64 or more: a page of the queue is as large")
    .that(whole(memoryMiB, 1024), "logstash.memoryMiB", memoryMiB, "must be 1024 or more: two JVMs fit while a pipeline is checked")
    .that(cpus > 0, "logstash.cpus", cpus, "must be more than 0");
  for (const [name, { config, workers: own }] of Object.entries(pipelines)) {
    checks
      .that(
        NAME_PATTERN.test(name) && name !== MAIN_PIPELINE,
        `logstash.pipelines.${name}`,
        name,
        `must be called by lower-case letters, digits and inner hyphens, and not ${MAIN_PIPELINE}, which is the component's own`,
      )
      .that(config.trim() !== "", `logstash.pipelines.${name}.config`, config, "must have an input and an output")
      .that(whole(own, 1), `logstash.pipelines.${name}.workers`, own, "must be a whole number from 1");
  }
}
