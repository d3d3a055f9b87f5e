import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { ensureDockerCompose } from "../scripts/setup/docker-compose";
import { docker } from "../test/stack/support/engine";
import { command } from "../test/stack/support/interruptions";
import { get, underLoad, until } from "../test/stack/support/load";
import { untilHealthy } from "../test/stack/support/restarts";
import { SYSTEM_PORTS, smallSystems, withoutAllBut } from "../test/stack/support/systems";
import { TestStack, freePorts } from "../test/stack/support/test-stack";
import type { Figure } from "./bench";
import { type ComposeFile, composeFileOf, renderComposeFile } from "./compose-file";
import { median } from "./statistics";

const RUNS = 3;
const RATE = 100;
const GOODS = 3;

/** Somebody who gives all instances of goods another value. */
interface Contender {
  readonly name: string;
  readonly stack: TestStack;
  readonly gateway: string;
  readonly change: (run: number) => Promise<unknown>;
  readonly seconds: number[];
  sent: number;
  failed: number;
}

/** One changed value of three instances, by `npm run up` and by `docker compose up -d` of the same containers, and what requests notice of it. */
export async function compose(): Promise<Figure[]> {
  const folder = await mkdtemp(join(tmpdir(), "dockyard-bench-compose-"));
  const own = await createStack("bench-rolled", "10.170.0.0/24");
  const twin = await createStack("bench-composed", "10.172.0.0/24");
  try {
    await own.stack.up();
    await twin.stack.up();
    const composeUp = await handOver(twin.stack, folder);
    const none = () => ({ seconds: [], sent: 0, failed: 0 });
    const contenders: readonly Contender[] = [
      { name: "`npm run up`", ...own, ...none(), change: (run) => dockyardUp(own.stack, run) },
      { name: "`docker compose up -d`", ...twin, ...none(), change: composeUp },
    ];
    for (const { gateway } of contenders) await until(`${gateway} serves`, async () => (await get(`${gateway}/goods/1`)).status === 200);
    for (let run = 1; run <= RUNS; run++) for (const contender of contenders) await measure(contender, run);
    return contenders.map(figure);
  } finally {
    await own.stack.remove();
    await twin.stack.remove();
    await rm(folder, { recursive: true, force: true });
  }
}

async function createStack(name: string, subnet: string) {
  const port = await freePorts(SYSTEM_PORTS);
  const settings = { network: { subnet }, ...smallSystems(port), goods: { instances: GOODS }, without: withoutAllBut() };
  return { stack: await TestStack.create(name, settings), gateway: `http://127.0.0.1:${port}` };
}

async function dockyardUp(stack: TestStack, run: number): Promise<void> {
  await stack.configure({ goods: { instances: GOODS, environment: { RELEASE: `${run}` } } });
  const { exitCode, all } = await command(stack, "up");
  if (exitCode !== 0) throw new Error(all);
}

/** Has docker compose make the containers of a stack in its place; returns how it then changes goods. */
async function handOver(stack: TestStack, folder: string): Promise<(run: number) => Promise<unknown>> {
  const program = await ensureDockerCompose((line) => console.error(line));
  const file: ComposeFile = await composeFileOf(stack);
  const path = join(folder, "compose.yaml");
  const up = async (run: number) => {
    await writeFile(path, renderComposeFile(file, "goods", { RELEASE: `${run}` }));
    await execa(program, ["--file", path, "up", "--detach"], { stdin: "ignore" });
  };
  await docker("rm", "--force", ...Object.keys(file.services).map((node) => stack.container(node)));
  await up(0);
  await untilHealthy(stack.label);
  return up;
}

/** One change under requests, which go on until all instances are healthy. */
async function measure(contender: Contender, run: number): Promise<void> {
  const { stack, gateway, change, seconds } = contender;
  const { sent, failures } = await underLoad(
    [1, 2, 3].map((id) => `${gateway}/goods/${id}`),
    RATE,
    async () => {
      const began = performance.now();
      await change(run);
      seconds.push((performance.now() - began) / 1000);
      await untilHealthy(stack.label);
    },
  );
  contender.sent += sent;
  contender.failed += failures.length;
}

function figure({ name, seconds, sent, failed }: Contender): Figure {
  const isOwn = name === "`npm run up`";
  return {
    what: `a changed value of ${GOODS} instances under ${RATE} requests/s: ${name}`,
    measured: `${median(seconds).toFixed(1)} s (${seconds.map((each) => each.toFixed(1)).join(", ")}); ${failed} of ${sent} requests failed`,
    beside: isOwn ? "the one below, of the same containers" : "the one above",
    bound: isOwn ? "none failed" : "–",
    holds: !isOwn || failed === 0,
    runs: `${RUNS}, in turns`,
  };
}
