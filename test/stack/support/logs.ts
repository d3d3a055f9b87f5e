import { execa } from "execa";
import { imageReference } from "../../../components/core/images";
import { docker } from "./engine";
import { es } from "./elasticsearch";

/** Who writes, and of whose stack it is. */
export interface LogWriter {
  readonly label: string;
  readonly component: string;
  readonly node: string;
  /** Arguments of `docker run`, such as how much of its log is kept. */
  readonly options?: readonly string[];
}

/** Starts a container of a stack that runs a shell script, and stays when it ends. */
export async function startWriter({ label, component, node, options = [] }: LogWriter, script: string): Promise<string> {
  const name = `${label}-${node}`;
  const labels = { stack: label, component, node };
  await docker(
    "run",
    "--detach",
    "--name",
    name,
    "--network",
    "none",
    ...Object.entries(labels).flatMap(([key, value]) => ["--label", `dockyard.${key}=${value}`]),
    ...options,
    imageReference("redis"),
    "sh",
    "-c",
    script,
  );
  return name;
}

/** A shell script that writes numbered lines: `<word> 000001` to the last, so many at a time with a pause between; a burst where there is none. */
export function numberedLines(word: string, from: number, to: number, burst = 0): string {
  const pause = burst === 0 ? "" : `[ $((i % ${burst})) -ne 0 ] || sleep 0.1;`;
  return `i=${from}; while [ $i -le ${to} ]; do printf '${word} %06d\\n' $i; ${pause} i=$((i + 1)); done`;
}

/** Adds to a file on a volume. */
export async function appendTo(volume: string, path: string, content: string | Buffer): Promise<void> {
  const script = 'mkdir -p "$(dirname "$1")" && cat >> "$1"';
  const run = [
    "run",
    "--rm",
    "--interactive",
    "--user",
    "0:0",
    "--volume",
    `${volume}:/v`,
    imageReference("redis"),
    "sh",
    "-c",
    script,
    "sh",
  ];
  await execa("docker", [...run, `/v/${path}`], { input: content });
}

/** A document as an index has it. */
export type LogDocument = Record<string, any>;

interface Page {
  _scroll_id: string;
  hits: { hits: { _source: LogDocument }[] };
}

/** Hands over every document that a query finds. */
export async function eachDocument(node: string, index: string, query: unknown, take: (document: LogDocument) => void): Promise<void> {
  const page = async (path: string, body: unknown) => (await es(node, path, { method: "POST", body, timeoutMs: 60_000 })).body as Page;
  let found = await page(`${index}/_search?scroll=1m&ignore_unavailable=true&allow_no_indices=true`, {
    size: 10_000,
    sort: ["_doc"],
    query,
  });
  while (found.hits.hits.length > 0) {
    for (const { _source } of found.hits.hits) take(_source);
    found = await page("_search/scroll", { scroll: "1m", scroll_id: found._scroll_id });
  }
}

export async function allDocuments(node: string, index: string, query: unknown): Promise<LogDocument[]> {
  const documents: LogDocument[] = [];
  await eachDocument(node, index, query, (document) => documents.push(document));
  return documents;
}

/** Which numbers of a word's lines are in the index, and how many documents that are. */
export async function numbersOf(
  node: string,
  word: string,
  index = "container-log-*",
): Promise<{ numbers: Set<number>; documents: number }> {
  const documents = await allDocuments(node, index, { match: { message: word } });
  const numbers = documents.map(({ message }) => Number(String(message).split(" ")[1]));
  return { numbers: new Set(numbers), documents: documents.length };
}

export function missingOf(numbers: ReadonlySet<number>, last: number): number[] {
  return Array.from({ length: last }, (_, at) => at + 1).filter((number) => !numbers.has(number));
}
