/** One value of a page in Prometheus' text format. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const LABEL = String.raw`([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"`;
const SAMPLE = new RegExp(String.raw`^(${NAME})(?:\{((?:${LABEL})(?:,${LABEL})*)?\})? (\S+)$`);

/**
 * Reads a page of the text format 0.0.4, by its grammar: a HELP and a TYPE before a family's first value, a family's lines together, no
 * series twice, a newline behind each line, counters by the name of `_total`.
 */
export function parseExposition(text: string): Sample[] {
  if (!text.endsWith("\n")) throw new Error("the last line does not end");
  const types = new Map<string, string>();
  const closed = new Set<string>();
  const series = new Set<string>();
  const samples: Sample[] = [];
  let family = "";
  for (const line of text.slice(0, -1).split("\n")) {
    const comment = new RegExp(`^# (HELP|TYPE) (${NAME}) (.+)$`).exec(line);
    const name = comment?.[2] ?? SAMPLE.exec(line)?.[1];
    if (name === undefined) throw new Error(`no line of the format: ${line}`);
    if (name !== family) {
      if (closed.has(name)) throw new Error(`${name} is in two places`);
      closed.add(family);
      family = name;
    }
    if (comment) {
      if (comment[1] === "TYPE") types.set(name, comment[3] ?? "");
      continue;
    }
    samples.push(sampleOf(line, name, types.get(name)));
    const key = JSON.stringify(samples.at(-1), ["name", "labels", ...Object.keys(samples.at(-1)?.labels ?? {}).sort()]);
    if (series.has(key)) throw new Error(`twice: ${line}`);
    series.add(key);
  }
  return samples;
}

function sampleOf(line: string, name: string, type: string | undefined): Sample {
  if (type !== "counter" && type !== "gauge") throw new Error(`no known type before ${line}`);
  if (name.endsWith("_total") !== (type === "counter")) throw new Error(`${name} is called as what it is not, a ${type}`);
  const match = SAMPLE.exec(line);
  const given = match?.at(-1) ?? "";
  const value = given === "+Inf" ? Infinity : given === "-Inf" ? -Infinity : Number(given);
  if (given === "" || (Number.isNaN(value) && given !== "NaN")) throw new Error(`no number: ${line}`);
  const labels = [...(match?.[2] ?? "").matchAll(new RegExp(LABEL, "g"))].map(([, label = "", text = ""]) => [label, unescaped(text)]);
  return { name, labels: Object.fromEntries(labels) as Record<string, string>, value };
}

function unescaped(text: string): string {
  return text.replace(/\\(.)/g, (_, character: string) => (character === "n" ? "\n" : character));
}

/** Sum of the values that have these labels. */
export function valueOf(samples: readonly Sample[], name: string, labels: Readonly<Record<string, string>> = {}): number {
  return samples
    .filter((sample) => sample.name === name && Object.entries(labels).every(([label, value]) => sample.labels[label] === value))
    .reduce((sum, { value }) => sum + value, 0);
}
