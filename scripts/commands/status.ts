import { setTimeout as wait } from "node:timers/promises";
import { execa } from "execa";
import logUpdate from "log-update";
import { setup } from "../setup/setup";
import { SetupError, run } from "../setup/shell";
import { StackHost, Target, exportedStack, parseTarget, stackHosts } from "../stack";

/** Milliseconds between two looks. */
const INTERVAL = 2000;

interface InspectedContainer {
  Name: string;
  Config: { Image: string; Labels: Record<string, string> };
  State: { Status: string; StartedAt: string; ExitCode: number; Health?: { Status: string } };
  NetworkSettings: { Networks: Record<string, { IPAddress: string }> };
}

/** Shows the stack's nodes: live in a terminal until Ctrl-C, once elsewhere or with `--once`. Exits 1 when a node is not healthy. */
export default async function status(args: readonly string[]): Promise<number> {
  const { target, rest } = parseTarget(args);
  await setup(["engine", "pulumi"]);
  const hosts = await hostsOf(target);
  const live = Boolean(process.stdout.isTTY) && !rest.includes("--once");
  for (;;) {
    const { table, healthy } = await look(target, hosts);
    if (!live) {
      console.log(table);
      return healthy ? 0 : 1;
    }
    logUpdate(table);
    await wait(INTERVAL);
  }
}

async function hostsOf(target: Target): Promise<readonly StackHost[]> {
  const exported = await exportedStack(target);
  if (exported === undefined) throw new SetupError(`The stack ${target.stack} has not been brought up yet; \`npm run up\` does it.`);
  const { deployment } = JSON.parse(exported) as { deployment?: { resources?: Parameters<typeof stackHosts>[0] } };
  return stackHosts(deployment?.resources ?? []);
}

async function look(target: Target, hosts: readonly StackHost[]): Promise<{ table: string; healthy: boolean }> {
  const rows = (await Promise.all(hosts.map((host) => hostRows(target, host))))
    .flat()
    .sort((a, b) => a.sortKey.localeCompare(b.sortKey, "en", { numeric: true }));
  const header = ["COMPONENT", "NODE", "HOST", "HEALTH", "IMAGE", "ADDRESS", "UPTIME"];
  return {
    table:
      rows.length === 0
        ? `Nothing of the stack ${target.stack} runs; \`npm run up\` brings it up.`
        : columns([header, ...rows.map(({ cells }) => cells)]),
    healthy: rows.length > 0 && rows.every(({ healthy }) => healthy),
  };
}

async function hostRows({ label }: Target, { name, docker }: StackHost) {
  const ids = (
    await run([...docker, "ps", "--all", "--quiet", "--filter", `label=dockyard.stack=${label}`, "--filter", "label=dockyard.node"])
  )
    .split("\n")
    .filter(Boolean);
  if (ids.length === 0) return [];
  // One that is removed meanwhile is told as an error behind the others.
  const { stdout } = await execa(docker[0], [...docker.slice(1), "inspect", ...ids], { stdin: "ignore", reject: false });
  const containers = JSON.parse(stdout) as InspectedContainer[];
  return containers.map(({ Config, State, NetworkSettings }) => {
    const health = State.Status === "running" ? (State.Health?.Status ?? "running") : `${State.Status} (${State.ExitCode})`;
    const component = Config.Labels["dockyard.component"] ?? "";
    const node = Config.Labels["dockyard.node"] ?? "";
    const address = Object.values(NetworkSettings.Networks)[0]?.IPAddress ?? "";
    const uptime = State.Status === "running" ? duration(Date.now() - Date.parse(State.StartedAt)) : "-";
    return {
      sortKey: `${component} ${node}`,
      healthy: health === "healthy",
      cells: [component, node, name, health, Config.Image, address || "-", uptime],
    };
  });
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
