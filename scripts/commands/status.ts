import { setTimeout as wait } from "node:timers/promises";
import { execa } from "execa";
import logUpdate from "log-update";
import { askEngine } from "../recovery/engines";
import { setup } from "../setup/setup";
import { SetupError, lastWords } from "../setup/shell";
import { StackHost, Target, dockyardLabel, exportedStack, parseTarget, stackHosts } from "../stack";

/** Milliseconds between two looks. */
const INTERVAL = 2000;

interface InspectedContainer {
  Name: string;
  Config: { Image: string; Labels: Record<string, string> };
  State: { Status: string; StartedAt: string; ExitCode: number; Health?: { Status: string } };
  NetworkSettings: { Networks: Record<string, { IPAddress: string }> };
}

/** A node as the state has it. */
interface RecordedNode {
  readonly component: string;
  readonly node: string;
  readonly host: string;
  readonly image: string;
}

/** A stack as its state has it. */
interface Recorded {
  readonly hosts: readonly StackHost[];
  readonly nodes: readonly RecordedNode[];
}

interface Row {
  readonly sortKey: string;
  readonly healthy: boolean;
  readonly cells: readonly string[];
}

/**
 * Shows the stack's nodes: live in a terminal until Ctrl-C, once elsewhere or with `--once`. Exits 1 when a node is not healthy and not just
 * starting, when one is missing, and when a host cannot be reached.
 */
export default async function status(args: readonly string[]): Promise<number> {
  const { target, rest } = parseTarget(args);
  await setup(["engine", "pulumi"]);
  let recorded = await recordedStack(target);
  const live = Boolean(process.stdout.isTTY) && !rest.includes("--once");
  for (;;) {
    const { table, healthy } = await look(target, recorded);
    if (!live) {
      console.log(table);
      return healthy ? 0 : 1;
    }
    logUpdate(table);
    await wait(INTERVAL);
    // Another command may have changed what there is to be.
    if (!healthy) recorded = await recordedStack(target);
  }
}

async function recordedStack(target: Target): Promise<Recorded> {
  const exported = await exportedStack(target);
  if (exported === undefined) throw new SetupError(`The stack ${target.stack} has not been brought up yet; \`npm run up\` does it.`);
  const { deployment } = JSON.parse(exported) as { deployment?: { resources?: RecordedResource[] } };
  const resources = deployment?.resources ?? [];
  return {
    hosts: stackHosts(resources),
    nodes: resources.filter(({ type }) => type === "docker:index/container:Container").flatMap(nodeOf),
  };
}

type RecordedResource = Parameters<typeof stackHosts>[0][number];

/** None of a container that the program has beside our components. */
function nodeOf({ inputs = {}, provider = "" }: RecordedResource): RecordedNode[] {
  const [component, node] = [dockyardLabel(inputs, "component"), dockyardLabel(inputs, "node")];
  const host = /::host-([^:]+)::/.exec(provider)?.[1] ?? "local";
  return component === undefined || node === undefined ? [] : [{ host, image: String(inputs.image), component, node }];
}

async function look(target: Target, { hosts, nodes }: Recorded): Promise<{ table: string; healthy: boolean }> {
  const answers = await Promise.all(hosts.map((host) => hostRows(target, host)));
  const found = answers.flatMap(({ rows }) => rows);
  const unreachable = hosts.filter((_, index) => answers[index]?.error !== undefined).map(({ name }) => name);
  const missing = nodes
    .filter(({ component, node }) => !found.some(({ sortKey }) => sortKey === `${component} ${node}`))
    .map(({ component, node, host, image }): Row => {
      const health = unreachable.includes(host) ? "unknown" : "missing";
      return { sortKey: `${component} ${node}`, healthy: false, cells: [component, node, host, health, image, "-", "-"] };
    });
  const rows = [...found, ...missing].sort((a, b) => a.sortKey.localeCompare(b.sortKey, "en", { numeric: true }));
  const header = ["COMPONENT", "NODE", "HOST", "HEALTH", "IMAGE", "ADDRESS", "UPTIME"];
  return {
    table:
      rows.length === 0
        ? `Nothing of the stack ${target.stack} runs; \`npm run up\` brings it up.`
        : [columns([header, ...rows.map(({ cells }) => cells)]), ...answers.flatMap(({ error }) => error ?? [])].join("\n\n"),
    healthy: rows.length > 0 && unreachable.length === 0 && rows.every(({ healthy }) => healthy),
  };
}

async function hostRows({ label }: Target, host: StackHost): Promise<{ rows: Row[]; error?: string }> {
  const { name, docker } = host;
  const filter = ["--filter", `label=dockyard.stack=${label}`, "--filter", "label=dockyard.node"];
  let ids: string[];
  try {
    ids = (await askEngine(host, "ps", "--all", "--quiet", ...filter)).split("\n").filter(Boolean);
  } catch (error) {
    return { rows: [], error: lastWords(error) };
  }
  if (ids.length === 0) return { rows: [] };
  // One that is removed meanwhile is told as an error behind the others.
  const { stdout } = await execa(docker[0], [...docker.slice(1), "inspect", ...ids], { stdin: "ignore", reject: false });
  const containers = JSON.parse(stdout) as InspectedContainer[];
  const rows = containers.map(({ Config, State, NetworkSettings }) => {
    const health = State.Status === "running" ? (State.Health?.Status ?? "running") : `${State.Status} (${State.ExitCode})`;
    const component = Config.Labels["dockyard.component"] ?? "";
    const node = Config.Labels["dockyard.node"] ?? "";
    const address = Object.values(NetworkSettings.Networks)[0]?.IPAddress ?? "";
    const uptime = State.Status === "running" ? duration(Date.now() - Date.parse(State.StartedAt)) : "-";
    return {
      sortKey: `${component} ${node}`,
      // One that has just started is asked for the first time within seconds.
      healthy: ["healthy", "starting"].includes(health),
      cells: [component, node, name, health, Config.Image, address || "-", uptime],
    };
  });
  return { rows };
}

/** A span in its largest whole units: `3d 4h`, `12m 5s`. */
function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const units = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "m"],
    [seconds % 60, "s"],
  ] as const;
  const first = units.findIndex(([count]) => count > 0);
  return units
    .slice(first === -1 ? 3 : first)
    .slice(0, 2)
    .map(([count, unit]) => `${count}${unit}`)
    .join(" ");
}

function columns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}
