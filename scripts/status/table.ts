import { Node } from "./look";
import { duration } from "./units";

/** Columns that a terminal has at least. */
const WIDTH = 100;

/** The shortest that an image's name is cut to. */
const SHORTEST = 12;

/** The nodes as a table, no wider than {@link WIDTH} where their names allow it: what is cut is the images' names. */
export function renderTable(nodes: readonly Node[]): string {
  const hasHosts = new Set(nodes.map(({ host }) => host)).size > 1;
  const header = ["NODE", ...(hasHosts ? ["HOST"] : []), "HEALTH", "ROLE", "LAG", "ADDRESS", "UPTIME", "IMAGE"];
  const rows = nodes.map(({ node, host, health, told, address, uptime, image }) => [
    node,
    ...(hasHosts ? [host] : []),
    health,
    told?.role ?? "",
    told?.lag ?? "",
    address || "-",
    uptime === undefined ? "-" : duration(uptime),
    image.replace(/^dockyard\//, ""),
  ]);
  return columns([header, ...rows]);
}

/** The last column gives way. */
function columns(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const last = widths.length - 1;
  const room = Math.max(SHORTEST, WIDTH - widths.slice(0, last).reduce((sum, width) => sum + width + 2, 0));
  return rows
    .map((row) =>
      row
        .map((cell, column) => (column < last ? cell.padEnd(widths[column] ?? 0) : cut(cell, room)))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

function cut(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text;
}
