import { setTimeout as delay } from "node:timers/promises";
import { imageReference } from "../components/core/images";
import { docker } from "../test/stack/support/engine";
import { es } from "../test/stack/support/elasticsearch";
import { until } from "../test/stack/support/load";
import { eachDocument } from "../test/stack/support/logs";

export const LOG_INDEX = "container-log-*";

interface WrittenLines {
  readonly lines: number;
  /** Lines per second. */
  readonly rate: number;
  /** What the engine keeps of the container's log: so many files of so many MiB. @default 8 of 64 MiB */
  readonly files?: number;
  readonly fileMiB?: number;
}

/** Starts a container of a stack that writes `<word> <number> <ms since 1970>` at a rate, and then stays. */
export async function writeLines(label: string, word: string, { lines, rate, files = 8, fileMiB = 64 }: WrittenLines): Promise<string> {
  const script = `
    const began = Date.now();
    let next = 0;
    const turn = () => {
      const due = Math.min(${lines}, Math.ceil(((Date.now() - began) * ${rate}) / 1000));
      let text = "";
      while (next < due) text += "${word} " + ++next + " " + Date.now() + " GET /goods/17 200 answered by an instance of the service that was asked\\n";
      process.stdout.write(text, () => (next < ${lines} ? setTimeout(turn, 5) : setInterval(() => {}, 1e9)));
    };
    turn();`;
  const name = `${label}-${word}`;
  const labels = [`stack=${label}`, "component=writer", `node=${word}`].flatMap((each) => ["--label", `dockyard.${each}`]);
  const log = ["--log-opt", `max-size=${fileMiB}m`, "--log-opt", `max-file=${files}`];
  await docker("run", "--detach", "--name", name, "--network", "none", ...labels, ...log, imageReference("shop"), "node", "-e", script);
  return name;
}

export function numberOf(message: string): number {
  return Number(message.split(" ")[1]);
}

/** How many documents there are of a word's lines; none while nobody answers. */
export async function countOf(node: string, word: string): Promise<number> {
  const answer = await es(node, `${LOG_INDEX}/_count`, { method: "POST", body: { query: { match: { message: word } } } }).catch(
    () => undefined,
  );
  return (answer?.body as { count?: number } | undefined)?.count ?? 0;
}

export async function eachMessage(node: string, word: string, take: (message: string) => void): Promise<void> {
  await eachDocument(node, LOG_INDEX, { match: { message: word } }, ({ message }) => take(String(message)));
}

/** Which of a word's lines are there, and how many documents that are. */
export async function linesThere(node: string, word: string, lines: number): Promise<{ unique: number; documents: number }> {
  const there = new Uint8Array(lines + 1);
  let documents = 0;
  await eachMessage(node, word, (message) => {
    there[numberOf(message)] = 1;
    documents++;
  });
  return { unique: there.reduce((sum, each) => sum + each, 0), documents };
}

/** Waits until all lines of a word are there and no more come; who is short of some says so by what is there. */
export async function untilAllCame(node: string, word: string, lines: number, timeoutMs: number): Promise<void> {
  await until(
    "nothing more comes",
    async () => {
      const before = await countOf(node, word);
      await delay(5_000);
      return before >= lines && before === (await countOf(node, word));
    },
    timeoutMs,
  ).catch(() => undefined);
}
