import { Shape, anything, maybe, named, number, shape } from "../core/argument-shape";
import { Checks } from "../core/errors";

/** First parts of the names of the indices that the pipeline fills, before `-yyyy.MM.dd`. */
export const INDEX_PREFIX = { access: "nginx-access-log", container: "container-log", file: "file-log" } as const;

/** How the indices are made, each day's anew. */
export interface LogIndices {
  /** Shards of each. @default 1 */
  readonly shards?: number;

  /** Copies of each shard. @default 1 */
  readonly replicas?: number;

  /** Seconds until a search finds what was written. @default 1 */
  readonly refreshSeconds?: number;

  /** Fields beside those that the pipeline knows, as Elasticsearch calls them: `{ "json.user": { type: "keyword" } }`. @default found out from the events */
  readonly properties?: Readonly<Record<string, unknown>>;
}

/** Names and types of {@link LogIndices}. */
export const LOG_INDICES = shape<LogIndices>({
  shards: maybe(number),
  replicas: maybe(number),
  refreshSeconds: maybe(number),
  properties: maybe(named(anything)),
} satisfies Shape<LogIndices>);

export type NormalLogIndices = Required<LogIndices>;

export function normalizeIndices({ shards = 1, replicas = 1, refreshSeconds = 1, properties = {} }: LogIndices): NormalLogIndices {
  return { shards, replicas, refreshSeconds, properties };
}

export function checkIndices(checks: Checks, { shards, replicas, refreshSeconds }: NormalLogIndices, retentionDays: number | null): void {
  const whole = (value: number, least: number) => Number.isInteger(value) && value >= least;
  checks
    .that(whole(shards, 1), "indices.shards", shards, "must be a whole number from 1")
    .that(whole(replicas, 0), "indices.replicas", replicas, "must be a whole number from 0")
    .that(refreshSeconds > 0, "indices.refreshSeconds", refreshSeconds, "must be more than 0")
    .that(
      retentionDays === null || whole(retentionDays, 1),
      "retentionDays",
      retentionDays,
      "must be a whole number from 1, or null to keep all",
    );
}

/** Elasticsearch's rules for names of indices: lower case, and none of the characters that its paths and lists use. */
const PREFIX = /^[a-z0-9][a-z0-9._-]{0,100}$/;

export function checkIndexPrefix(checks: Checks, path: string, prefix: string): void {
  checks.that(PREFIX.test(prefix), path, prefix, "must be lower-case letters, digits, '.', '_' and '-', a letter or digit first");
}
