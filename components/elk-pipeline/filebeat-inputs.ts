import { INDEX_PREFIX } from "./index-args";
import type { NormalContainerInput, NormalFileInput, NormalLogInput } from "./input-args";

/** Who takes events apart. */
export type LogProcessor = "filebeat" | "logstash";

/** Where volumes are mounted, each by its name. */
export const VOLUMES_PATH = "/logs";

/** A part of Filebeat's configuration. */
export type Section = Readonly<Record<string, unknown>>;

/** How the lines of some components' containers are read; the keeper adds each container's paths and names. */
export interface ContainerRule {
  readonly components: readonly string[];
  readonly except: readonly string[];
  readonly input: Section;
}

/**
 * What every input has.
 *
 * A file is found within a second, and stays open until it is read to its end, also when it is renamed or removed: so a rotation loses nothing
 * that Filebeat has seen. With `close_removed` it would be closed before its next part is read, wherever that ends; so one that is removed is closed
 * when it has been at its end for a while.
 */
const READING = {
  scan_frequency: "1s",
  backoff: "50ms",
  max_backoff: "1s",
  close_inactive: "1m",
  close_renamed: false,
  close_removed: false,
  clean_removed: true,
} as const;

/** What Filebeat adds to each event, of which nobody asks anything. */
const DROP_OWN = { drop_fields: { fields: ["agent", "ecs", "input"], ignore_missing: true } };

export function renderFileInput(input: NormalFileInput): Section {
  const { volume, paths, encoding, excludeFiles, json, index } = input;
  return {
    type: "log",
    ...common(input),
    paths: paths.map((path) => `${VOLUMES_PATH}/${volume}/${path}`),
    encoding,
    ...(excludeFiles.length > 0 && { exclude_files: excludeFiles }),
    ...(json && { json: renderJson(json) }),
    processors: [dataset(index), DROP_OWN],
  };
}

function renderJson({ target, messageKey }: { target: string; messageKey?: string }): Section {
  return {
    ...(target === "" ? { keys_under_root: true, overwrite_keys: false } : { keys_under_root: false }),
    add_error_key: true,
    ...(messageKey !== undefined && { message_key: messageKey }),
  };
}

/** @param own Component of the pipeline, whose own words about a line would be lines again. */
export function renderContainerRule(input: NormalContainerInput, own: string, processor: LogProcessor): ContainerRule {
  const { components, exceptComponents, stream, accessLog, index } = input;
  return {
    components,
    except: [...exceptComponents, own],
    input: {
      type: "container",
      ...common(input),
      // The engine makes such ones of what it rotates away where the host's daemon.json says so: no lines for anybody.
      exclude_files: ["\\.gz$"],
      stream,
      processors: [IDENTITY, ...(accessLog ? accessProcessors(index, processor) : [dataset(index)]), DROP_OWN],
    },
  };
}

/**
 * The document's id: the same when a line is read again after a kill, so that it is there once, also from a file that has been renamed meanwhile.
 *
 * Two lines at the same place of two files of one container were written at different times.
 */
const IDENTITY = {
  fingerprint: {
    fields: ["container.id", "log.offset", "@timestamp", "message", "stream"],
    ignore_missing: true,
    target_field: "@metadata._id",
    method: "sha1",
  },
};

function dataset(index: string): Section {
  return { add_fields: { target: "event", fields: { dataset: index } } };
}

/** What a gateway writes beside its requests, such as what it says when it starts, is no object. */
function accessProcessors(index: string, processor: LogProcessor): Section[] {
  const request = { and: [{ equals: { stream: "stdout" } }, { regexp: { message: '^\\{"' } }] };
  if (processor === "logstash") return [{ if: request, then: [dataset(INDEX_PREFIX.access)], else: [dataset(index)] }];
  return [
    { if: request, then: [{ decode_json_fields: { fields: ["message"], target: "nginx", max_depth: 1 } }] },
    {
      if: { has_fields: ["nginx.time"] },
      then: [
        { timestamp: { field: "nginx.time", layouts: ["2006-01-02T15:04:05Z07:00"], ignore_failure: true } },
        { drop_fields: { fields: ["message", "nginx.time"] } },
        dataset(INDEX_PREFIX.access),
      ],
      else: [dataset(index)],
    },
  ];
}

function common({ includeLines, excludeLines, multiline, tags, fields }: NormalLogInput): Section {
  return {
    ...READING,
    ...(includeLines.length > 0 && { include_lines: includeLines }),
    ...(excludeLines.length > 0 && { exclude_lines: excludeLines }),
    ...(multiline && {
      multiline: {
        type: "pattern",
        pattern: multiline.pattern,
        negate: multiline.negate,
        match: multiline.match,
        max_lines: multiline.maxLines,
        timeout: `${multiline.timeoutSeconds}s`,
      },
    }),
    ...(tags.length > 0 && { tags }),
    ...(Object.keys(fields).length > 0 && { fields }),
  };
}
