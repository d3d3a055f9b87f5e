import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import type { OwnStack } from "../test/stack/support/restarts";

/** What was seen of a run that was interrupted, and of the one behind it. */
export interface Notes {
  readonly point: string;
  readonly interrupted: string;
  readonly up: string;
  readonly faults: readonly string[];
}

let folder: string | undefined;

/** Writes down all that tells why a stack did not converge, before it is gone; returns the file. */
export async function noteFault(own: OwnStack, number: number, { point, interrupted, up, faults }: Notes): Promise<string> {
  folder ??= await mkdtemp(join(process.env.DOCKYARD_NOTES ?? tmpdir(), "dockyard-interruptions-"));
  await mkdir(folder, { recursive: true });
  const seen = await Promise.all(looks(own).map(async ([title, look]) => section(title, await look().catch(String))));
  const logs = await logsOf(own);
  const file = join(folder, `${number}.txt`);
  const said = [section("the interrupted run", interrupted), section("the up behind it", up)];
  await writeFile(file, [point, section("faults", faults.join("\n")), ...seen, ...said, ...logs].join("\n"));
  return file;
}

function section(title: string, text: string): string {
  return `\n===== ${title}\n${text}`;
}

/** The stack as its nodes, its engine and the kernel tell it: an engine that died may have left what it knows nothing of. */
function looks({ engine, stack, gateway }: OwnStack): [string, () => Promise<string>][] {
  const port = Number(new URL(gateway).port);
  const consul = (path: string) => () => engine.curl(`http://127.0.0.1:${port + 2}/v1/${path}`);
  return [
    ["containers", () => engine.docker("ps", "--all", "--no-trunc")],
    ["gateway", () => engine.curl(`http://127.0.0.1:${port + 1}/__gateway/upstreams`)],
    ["keys", consul("kv/?keys")],
    ["health", consul("health/state/any")],
    ["peers", consul("operator/raft/configuration")],
    ["network", () => engine.docker("network", "inspect", stack.container("services"))],
    [
      "states",
      async () =>
        engine.docker("inspect", "--format", "{{.Name}} {{json .State}} {{json .NetworkSettings.Networks}}", ...(await ids(engine))),
    ],
    ["interfaces", () => engine.inside("ip", "-details", "address")],
    ["neighbours", () => engine.inside("ip", "neighbour")],
    ["bridges", () => engine.inside("bridge", "fdb")],
    ["packet filter", () => engine.inside("iptables-save", "--counters")],
    ["processes", async () => (await execa("ps", ["-eo", "pid,ppid,lstart,netns,args", "--forest"])).stdout],
    ["the engine's log", async () => (await engine.log()).split("\n").slice(-300).join("\n")],
  ];
}

async function ids(engine: OwnStack["engine"]): Promise<string[]> {
  return (await engine.docker("ps", "--all", "--quiet")).split("\n").filter(Boolean);
}

async function logsOf({ engine }: OwnStack): Promise<string[]> {
  const names = (await engine.docker("ps", "--all", "--format", "{{.Names}}").catch(() => "")).split("\n").filter(Boolean);
  return Promise.all(
    names.map(async (name) => {
      const { all } = await execa("docker", ["logs", "--timestamps", "--tail", "50", name], { all: true, reject: false, stdin: "ignore" });
      return section(`log of ${name}`, all);
    }),
  );
}
