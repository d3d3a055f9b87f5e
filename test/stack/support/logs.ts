import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { execa } from "execa";
import { imageReference } from "../../../components/core/images";
import { VOLUMES_PATH, renderFileInput } from "../../../components/elk-pipeline/filebeat-inputs";
import { hostsOf, renderFilebeatYml, renderOutputYml } from "../../../components/elk-pipeline/filebeat-yml";
import { NormalFileInput, normalizeInput } from "../../../components/elk-pipeline/input-args";
import {
  CONTAINERS_PATH,
  FILEBEAT_CONFIG,
  FILEBEAT_DATA,
  FILEBEAT_FILES,
  keeperCommand,
  renderKeeperSettings,
} from "../../../components/elk-pipeline/keeper-settings";
import { LogOutput, normalizeOutput } from "../../../components/elk-pipeline/output-args";
import { docker } from "./engine";
import { es } from "./elasticsearch";
import { until } from "./load";

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

/** Where a keeper has links to the files of a container's log that it has open. */
export function heldFiles(container: string): string {
  return `/run/filebeat/held/${container}`;
}

/** Waits until a keeper has all files of a container's log open, so that none of them goes with the container. @returns the container's id */
export async function untilHeld(filebeat: string, name: string): Promise<string> {
  const id = await docker("inspect", "--format", "{{.Id}}", name);
  const isHeld = `find -L ${heldFiles(id)} -samefile "$f" | grep -q .`;
  const script = `for f in ${CONTAINERS_PATH}/${id}/${id}-json.log*; do ${isHeld} || exit 1; done`;
  await until(`all files of ${name} are held`, async () => docker("exec", filebeat, "sh", "-c", script).then(() => true));
  return id;
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

interface LoneFilebeat {
  readonly label: string;
  readonly node: string;
  readonly network: string;
  /** Folder of this host for its configuration, and for the files `*.log` that it reads. */
  readonly folder: string;
}

/** Starts a Filebeat as a pipeline's, without Pulumi: it reads files of a folder. */
export async function startFilebeat({ label, node, network, folder }: LoneFilebeat, given: LogOutput, password: string): Promise<string> {
  const output = normalizeOutput("lines", given);
  const inputs = [renderFileInput(normalizeInput({ type: "log", volume: "lines", paths: ["*.log"] }) as NormalFileInput)];
  const files = {
    [FILEBEAT_FILES.settings]: renderFilebeatYml({ host: "local", memoryMiB: 128 }),
    [FILEBEAT_FILES.output]: renderOutputYml(output, { memoryMiB: 128, rejected: "none", password }),
    [FILEBEAT_FILES.keeper]: renderKeeperSettings({ inputs, hosts: hostsOf(output), hostsPath: `output.${output.type}.hosts` }),
  };
  await mkdir(join(folder, "current"), { recursive: true });
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, "current", name), text, { mode: 0o600 });
  const name = `${label}-${node}`;
  const mounts = ["--volume", `${folder}:${FILEBEAT_CONFIG}:ro`, "--volume", `${folder}:${VOLUMES_PATH}/lines:ro`];
  const memory = ["/tmp", "/run/filebeat", FILEBEAT_DATA].flatMap((path) => ["--tmpfs", path]);
  const labels = ["--label", `dockyard.stack=${label}`];
  const run = ["run", "--detach", "--name", name, "--network", network, "--user", "0:0", ...labels, ...mounts, ...memory];
  await docker(...run, imageReference("filebeat"), ...keeperCommand());
  return name;
}
