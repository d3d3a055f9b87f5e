import { Shape, byType, flag, maybe, named, number, oneOf, shape, text, texts } from "../core/argument-shape";
import { Checks } from "../core/errors";
import { ENCODINGS, isEncoding } from "./encodings";
import { INDEX_PREFIX, checkIndexPrefix } from "./index-args";

/** Lines that are one event together, as Filebeat's `multiline` has it. */
export interface LogMultiline {
  /** Regular expression of Go that tells lines which belong together. */
  readonly pattern: string;

  /** Whether it is the lines that do not match. @default false */
  readonly negate?: boolean;

  /** Whether they belong to the line before them or to the one behind. @default "after" */
  readonly match?: "after" | "before";

  /** Lines of one event; what is beyond is cut off. @default 500 */
  readonly maxLines?: number;

  /** Seconds after which an event ends though none of its lines said so. @default 5 */
  readonly timeoutSeconds?: number;
}

/** Lines of which each is an object in JSON. */
export interface LogJson {
  /** Where the object goes: into the field `json`, or "" for the event itself, where it must have no `event` and no `host`. @default "json" */
  readonly target?: "json" | "";

  /** Key of the object that `includeLines`, `excludeLines` and `multiline` look at. @default none */
  readonly messageKey?: string;
}

/** What lines of any input have in common. */
interface LogInputBase {
  /** Regular expressions of Go; a line must match one of them. @default every line is taken */
  readonly includeLines?: readonly string[];

  /** Regular expressions of Go; a line must match none of them. @default none */
  readonly excludeLines?: readonly string[];

  /** @default every line is an event */
  readonly multiline?: LogMultiline;

  /** @default none */
  readonly tags?: readonly string[];

  /** Fields of each event, below `fields`. @default none */
  readonly fields?: Readonly<Record<string, string>>;

  /** First part of the index's name, before `-yyyy.MM.dd`. @default "container-log" for containers, "file-log" for files */
  readonly index?: string;
}

/** Files on a volume. */
export interface FileInput extends LogInputBase {
  readonly type: "log";

  /** Volume, by its name on the engine; it is mounted to be read only. */
  readonly volume: string;

  /** Paths in the volume, with `*` and `?` for parts of a name: `nginx/*.log`; those to which files are renamed when they are rotated as well. */
  readonly paths: readonly string[];

  /** Names of the hosts that have the volume. @default all */
  readonly hosts?: readonly string[];

  /** Encoding of the files, one of those that Filebeat knows: "gbk", "utf-16le-bom". @default "plain", which takes every byte as it is */
  readonly encoding?: string;

  /** Regular expressions of Go; a file whose path matches one of them is not read: `\\.gz$`. @default none */
  readonly excludeFiles?: readonly string[];

  /** @default lines are text */
  readonly json?: LogJson;
}

/** What the stack's containers write to their standard output and error. */
export interface ContainerInput extends LogInputBase {
  readonly type: "container";

  /** Components whose containers they are. @default all, but the pipeline itself */
  readonly components?: readonly string[];

  /** Components whose containers they are not. @default none */
  readonly exceptComponents?: readonly string[];

  /** @default "all" */
  readonly stream?: "all" | "stdout" | "stderr";

  /** Whether objects in JSON on the standard output are requests of a gateway: they go to the index `nginx-access-log-yyyy.MM.dd`. @default false */
  readonly accessLog?: boolean;
}

export type LogInput = FileInput | ContainerInput;

const MULTILINE = shape<LogMultiline>({
  pattern: text,
  negate: maybe(flag),
  match: maybe(oneOf(["after", "before"])),
  maxLines: maybe(number),
  timeoutSeconds: maybe(number),
});

const BASE = {
  includeLines: maybe(texts),
  excludeLines: maybe(texts),
  multiline: maybe(MULTILINE),
  tags: maybe(texts),
  fields: maybe(named(text)),
  index: maybe(text),
} satisfies Shape<LogInputBase>;

/** Names and types of a {@link LogInput}. */
export const LOG_INPUT = byType({
  log: shape<FileInput>({
    ...BASE,
    type: text,
    volume: text,
    paths: texts,
    hosts: maybe(texts),
    encoding: maybe(text),
    excludeFiles: maybe(texts),
    json: maybe(shape<LogJson>({ target: maybe(oneOf(["json", ""])), messageKey: maybe(text) })),
  }),
  container: shape<ContainerInput>({
    ...BASE,
    type: text,
    components: maybe(texts),
    exceptComponents: maybe(texts),
    stream: maybe(oneOf(["all", "stdout", "stderr"])),
    accessLog: maybe(flag),
  }),
});

type Filled<T, Optional extends keyof T> = Required<Omit<T, Optional | "multiline">> &
  Pick<T, Optional> & { readonly multiline?: Required<LogMultiline> };
export type NormalFileInput = Filled<Omit<FileInput, "json">, "hosts"> & { readonly json?: Required<Pick<LogJson, "target">> & LogJson };
export type NormalContainerInput = Filled<ContainerInput, never>;
export type NormalLogInput = NormalFileInput | NormalContainerInput;

export function normalizeInput(given: LogInput): NormalLogInput {
  const { includeLines = [], excludeLines = [], tags = [], fields = {} } = given;
  const { pattern, negate = false, match = "after", maxLines = 500, timeoutSeconds = 5 } = given.multiline ?? { pattern: "" };
  const common = {
    includeLines,
    excludeLines,
    tags,
    fields,
    multiline: given.multiline && { pattern, negate, match, maxLines, timeoutSeconds },
  };
  if (given.type === "log") {
    const { type, volume, paths, hosts, encoding = "plain", excludeFiles = [], index = INDEX_PREFIX.file } = given;
    const json = given.json && { target: "json" as const, ...given.json };
    return { ...common, type, volume, paths, hosts, encoding, excludeFiles, index, json };
  }
  const { type, components = [], exceptComponents = [], stream = "all", accessLog = false, index = INDEX_PREFIX.container } = given;
  return { ...common, type, components, exceptComponents, stream, accessLog, index };
}

/** Docker's rule for names of volumes. */
const VOLUME_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/** @param hosts Names of the hosts that Filebeat runs on. */
export function checkInputs(checks: Checks, inputs: readonly NormalLogInput[], hosts: readonly string[]): void {
  checks.that(inputs.length > 0, "inputs", inputs, 'must name what is read, such as [{ type: "container" }]');
  inputs.forEach((input, at) => {
    const path = `inputs[${at}]`;
    checkCommon(checks, path, input);
    if (input.type === "log") checkFileInput(checks, path, input, hosts);
    else checkContainerInput(checks, path, input, inputs.slice(0, at));
  });
}

function checkCommon(checks: Checks, path: string, { includeLines, excludeLines, multiline, index }: NormalLogInput): void {
  for (const [key, patterns] of Object.entries({ includeLines, excludeLines })) {
    checks.that(!patterns.includes(""), `${path}.${key}`, patterns, "must be regular expressions; an empty one matches every line");
  }
  checkIndexPrefix(checks, `${path}.index`, index);
  if (!multiline) return;
  const { pattern, maxLines, timeoutSeconds } = multiline;
  checks
    .that(pattern !== "", `${path}.multiline.pattern`, pattern, "must be a regular expression, such as ^\\s")
    .that(Number.isInteger(maxLines) && maxLines >= 1, `${path}.multiline.maxLines`, maxLines, "must be a whole number from 1")
    .that(timeoutSeconds > 0, `${path}.multiline.timeoutSeconds`, timeoutSeconds, "must be more than 0");
}

function checkFileInput(
  checks: Checks,
  path: string,
  { volume, paths, hosts = [], encoding, excludeFiles, multiline, json }: NormalFileInput,
  known: readonly string[],
): void {
  checks
    .that(VOLUME_NAME.test(volume), `${path}.volume`, volume, "must be the name of a volume on the engine")
    .that(paths.length > 0, `${path}.paths`, paths, 'must name files of the volume, such as ["*.log"]')
    .that(isEncoding(encoding), `${path}.encoding`, encoding, `must be one that Filebeat knows: ${ENCODINGS.join(", ")}`)
    .that(!excludeFiles.includes(""), `${path}.excludeFiles`, excludeFiles, "must be regular expressions; an empty one matches every file")
    .that(
      !json || !multiline || json.messageKey !== undefined,
      `${path}.json.messageKey`,
      json?.messageKey,
      "must be given with multiline: its pattern is looked for in that key",
    );
  for (const each of paths) {
    const inside = each !== "" && !each.startsWith("/") && !each.split("/").includes("..");
    checks.that(inside, `${path}.paths`, each, "must be a path in the volume, without a slash at its beginning");
  }
  for (const host of hosts) {
    checks.that(known.includes(host), `${path}.hosts`, host, `must be a host of the placement: ${known.join(", ")}`);
  }
}

/** A container is read by the first input that covers its component; one that can cover nothing is a mistake. */
function checkContainerInput(
  checks: Checks,
  path: string,
  { components, accessLog, stream }: NormalContainerInput,
  before: readonly NormalLogInput[],
): void {
  const covering = before.filter((input) => input.type === "container");
  const all = covering.some((input) => input.components.length === 0 && input.exceptComponents.length === 0);
  checks
    .that(!all, `${path}.components`, components, "must not be behind an input of all components, which is the first that covers them")
    .that(
      !accessLog || stream !== "stderr",
      `${path}.stream`,
      stream,
      "must not be stderr with accessLog: requests are on the standard output",
    );
  for (const component of components) {
    const taken = covering.some((input) => input.components.includes(component));
    checks.that(!taken, `${path}.components`, component, "must not be of another input as well; each container is read by one");
  }
}
