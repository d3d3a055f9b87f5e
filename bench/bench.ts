import { writeFile } from "node:fs/promises";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import { cdn } from "./cdn";
import { changes } from "./changes";
import { churn } from "./churn";
import { ci } from "./ci";
import { compose } from "./compose";
import { databaseRolls } from "./database-rolls";
import { failover } from "./failover";
import { filter } from "./filter";
import { gatewayThroughput } from "./gateway-throughput";
import { interruptions } from "./interruptions";
import { logs } from "./logs";
import { messages } from "./messages";
import { outage } from "./outage";
import { previewTime } from "./preview-time";
import { promotions } from "./promotions";
import { rolls } from "./rolls";
import { streams } from "./streams";
import { sync } from "./sync";
import { tiers } from "./tiers";

/** One figure, with what it is held against in the same run. */
export interface Figure {
  readonly what: string;
  readonly measured: string;
  readonly beside: string;
  /** What it is held to, and whether it is. */
  readonly bound: string;
  readonly holds: boolean;
  readonly runs: string;
}

const BENCHES: Record<string, () => Promise<Figure[]>> = {
  preview: previewTime,
  changes,
  throughput: gatewayThroughput,
  tiers,
  messages,
  failover,
  promotions,
  databases: databaseRolls,
  rolls,
  filter,
  sync,
  cdn,
  streams,
  ci,
  logs,
  outage,
  compose,
  churn,
  interruptions,
};

async function main(names: readonly string[]): Promise<number> {
  const chosen = names.length === 0 ? Object.keys(BENCHES) : names;
  const unknown = chosen.find((name) => !(name in BENCHES));
  if (unknown !== undefined) {
    console.error(`There is no bench "${unknown}"; there are ${Object.keys(BENCHES).join(", ")}.`);
    return 2;
  }
  const figures: Figure[] = [];
  for (const name of chosen) {
    console.error(`measuring ${name} …`);
    figures.push(...(await (BENCHES[name]?.() ?? [])));
  }
  const report = render(figures);
  console.log(report);
  // Only a complete run replaces the one that the README refers to.
  if (names.length === 0) await writeFile(join(import.meta.dirname, "..", "docs", "benchmarks.md"), report);
  return figures.every(({ holds }) => holds) ? 0 : 1;
}

function render(figures: readonly Figure[]): string {
  const machine = `${cpus().length} cores (${cpus()[0]?.model.trim()}), ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.version}`;
  return [
    "# Measured",
    "",
    `By \`npm run bench\` on ${new Date().toISOString().slice(0, 10)}: ${machine}. What is compared ran side by side in the same run.`,
    "",
    "| what | measured | beside it | bound | holds | runs |",
    "|---|---|---|---|---|---|",
    ...figures.map(
      ({ what, measured, beside, bound, holds, runs }) =>
        `| ${what} | ${measured} | ${beside} | ${bound} | ${holds ? "yes" : "**no**"} | ${runs} |`,
    ),
    "",
  ].join("\n");
}

main(process.argv.slice(2)).then(
  (code) => process.exit(code),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);
