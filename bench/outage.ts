import { setTimeout as delay } from "node:timers/promises";
import { docker } from "../test/stack/support/engine";
import { until } from "../test/stack/support/load";
import { TestStack, freePorts } from "../test/stack/support/test-stack";
import type { Figure } from "./bench";
import { untilHeld } from "../test/stack/support/logs";
import { countOf, linesThere, untilAllCame, writeLines } from "./log-lines";

/** For how long Elasticsearch is away, and when Filebeat is killed meanwhile. */
const MINUTES = 10;
const KILLED_AT = 7;

/** The keeper stays, and starts another one. */
const KILL_FILEBEAT = 'for p in /proc/[0-9]*; do if [ "$(cat $p/comm)" = filebeat ]; then kill -9 "${p#/proc/}"; fi; done';

const LABEL = "dockyard-bench-outage";

/** Lines per second, and what the engine keeps: of the first enough, though it is renamed every few seconds; of the last too little. */
const STEADY = { lines: 500 * (MINUTES * 60 + 30), rate: 500, files: 80, fileMiB: 1 };
/** Some ten files are gone with it, and Filebeat opens two of them. */
const REMOVED = { lines: 200 * MINUTES * 30, rate: 200, files: 16, fileMiB: 1 };
const SHORT = { lines: 100 * (MINUTES * 60 + 30), rate: 100, files: 2, fileMiB: 1 };

const CATCH_UP_MS = 600_000;

/** What is left of log lines that are written while Elasticsearch is away; and, as the control, of those of a log that is too short for it. */
export async function outage(): Promise<Figure[]> {
  const port = await freePorts(1);
  const node = `http://127.0.0.1:${port}`;
  const settings = {
    network: { subnet: "10.156.0.0/24", search: "10.156.0.21", logs: "10.156.0.211" },
    ports: { search: port },
    inputs: [{ type: "container", components: ["writer"] }],
    logs: { indices: { replicas: 0 } },
  };
  const stack = await TestStack.create("bench-outage", settings, "test/stack/programs/elk-pipeline/program.cjs");
  try {
    await stack.up();
    const began = Date.now();
    const words = { steady: STEADY, removed: REMOVED, short: SHORT };
    for (const [word, lines] of Object.entries(words)) await writeLines(LABEL, word, lines);
    await until("lines come", async () => (await countOf(node, "steady")) > 1000);
    await docker("stop", stack.container("search-1"));
    const away = Date.now();
    await until("all of it is written", async () => (await lastOf("removed")) === REMOVED.lines, MINUTES * 60_000);
    await untilHeld(stack.container("logs-1"), `${LABEL}-removed`);
    await docker("rm", "--force", `${LABEL}-removed`);
    await delay(away + KILLED_AT * 60_000 - Date.now());
    await docker("exec", stack.container("logs-1"), "sh", "-c", KILL_FILEBEAT);
    await delay(away + MINUTES * 60_000 - Date.now());
    const said = await docker("exec", stack.container("logs-1"), "filebeat-keeper", "probe");
    await docker("start", stack.container("search-1"));
    const back = Date.now();
    await untilAllCame(node, "steady", STEADY.lines, CATCH_UP_MS);
    const caughtUp = Date.now();
    await untilAllCame(node, "removed", REMOVED.lines, CATCH_UP_MS / 10);
    const [steady, removed, short] = await Promise.all(Object.entries(words).map(([word, { lines }]) => linesThere(node, word, lines)));
    const seconds = (from: number, to: number) => ((to - from) / 1000).toFixed(0);
    const lines = STEADY.lines + REMOVED.lines;
    const unique = (steady?.unique ?? 0) + (removed?.unique ?? 0);
    const twice = (steady?.documents ?? 0) + (removed?.documents ?? 0) - unique;
    const lost = SHORT.lines - (short?.unique ?? 0);
    const rotated = /\d+ log files were rotated away before they were read/.exec(said)?.[0];
    return [
      {
        what: `${lines} log lines while Elasticsearch is away for ${MINUTES} minutes, of a log that is rotated and of a container that is removed meanwhile, and Filebeat is killed`,
        measured: `${lines - unique} lost, ${twice} twice; all there ${seconds(back, caughtUp)} s after it was started`,
        beside: "–",
        bound: "none lost",
        holds: unique === lines,
        runs: `1, of ${seconds(began, Date.now())} s`,
      },
      {
        what: `the same of a log of ${SHORT.files * SHORT.fileMiB} MiB, which is too short for it: the control`,
        measured: `${lost} of ${SHORT.lines} lost; said: ${rotated ?? "nothing"}`,
        beside: "–",
        bound: "some lost, and said",
        holds: lost > 0 && rotated !== undefined,
        runs: "1",
      },
    ];
  } finally {
    await stack.remove();
  }
}

/** Number of the last line that a container has written. */
async function lastOf(word: string): Promise<number> {
  return Number((await docker("logs", "--tail", "1", `${LABEL}-${word}`)).split(" ")[1]);
}
