import { docker } from "../test/stack/support/engine";
import { until } from "../test/stack/support/load";
import { PromotedSet } from "../test/stack/support/promotion";
import { TestStack } from "../test/stack/support/test-stack";
import type { Figure } from "./bench";
import { percentile } from "./statistics";

const RUNS = 20;
const RATE = 200;
const PLANNED_BOUND_MS = 1_000;
const FORCED_BOUND_MS = 5_000;

export const MYSQL_PROGRAM = "test/stack/programs/mysql-replica-set/program.cjs";
export const MYSQL_SETTINGS = {
  port: null,
  memoryMiB: 640,
  databases: ["shop"],
  users: [{ name: "goods", grants: [{ privileges: ["SELECT", "INSERT", "CREATE"], database: "shop" }] }],
};

/** A set of three MySQL servers of the bench's own. */
export async function mysqlStack(): Promise<{ stack: TestStack; set: PromotedSet }> {
  const network = { subnet: "10.198.0.0/24", first: "10.198.0.171" };
  const stack = await TestStack.create("bench-mysql", { network, mysql: MYSQL_SETTINGS }, MYSQL_PROGRAM);
  await stack.up();
  const { nodes, passwords } = await stack.secretOutputs<{ nodes: string[]; passwords: { goods: string } }>();
  return { stack, set: new PromotedSet(stack, { nodes, user: "goods", password: passwords.goods, database: "shop" }) };
}

/** Writes while another MySQL server is promoted, and after the source was killed; beside a set in which nobody acknowledges. */
export async function promotions(): Promise<Figure[]> {
  const { stack, set } = await mysqlStack();
  try {
    const planned = { pauses: [] as number[], lost: 0 };
    for (let run = 0; run < RUNS; run++) {
      const { longestPauseMs, lost } = await set.handOver(RATE);
      planned.pauses.push(longestPauseMs);
      planned.lost += lost.length;
    }
    const forced = { pauses: [] as number[], lost: 0, written: 0 };
    for (let run = 0; run < RUNS; run++) {
      const { commandMs, lost, written, dead } = await set.loseSource(RATE);
      forced.pauses.push(commandMs);
      forced.lost += lost.length;
      forced.written += written.length;
      await docker("start", set.container(dead));
      await set.heal(dead);
    }
    const control = await lostWithoutAcknowledgement(stack, set);
    const [p50, p95] = [percentile(planned.pauses, 0.5), percentile(planned.pauses, 0.95)];
    const worst = Math.max(...forced.pauses);
    return [
      {
        what: `planned promotion under ${RATE} writes/s → longest pause of writes`,
        measured: `p50 ${p50.toFixed(0)} ms, p95 ${p95.toFixed(0)} ms, ${planned.lost} rows lost`,
        beside: "–",
        bound: `p95 ≤ ${PLANNED_BOUND_MS} ms, none lost`,
        holds: p95 <= PLANNED_BOUND_MS && planned.lost === 0,
        runs: `${RUNS}`,
      },
      {
        what: "source killed, `promote --force` → next write",
        measured: `p50 ${(percentile(forced.pauses, 0.5) / 1000).toFixed(2)} s, longest ${(worst / 1000).toFixed(2)} s; ${forced.lost} of ${forced.written} acknowledged rows lost`,
        beside: `without semi-synchronous replication, replicas and then the source killed: ${control} rows lost`,
        bound: `≤ ${FORCED_BOUND_MS / 1000} s, none lost; the other loses`,
        holds: worst <= FORCED_BOUND_MS && forced.lost === 0 && control > 0,
        runs: `${RUNS}`,
      },
    ];
  } finally {
    await stack.remove();
  }
}

async function lostWithoutAcknowledgement(stack: TestStack, set: PromotedSet): Promise<number> {
  await stack.up({ mysql: { ...MYSQL_SETTINGS, semiSync: false } });
  await until("nobody waits", () => set.allFollow());
  return (await set.loseWhatIsAlone(RATE)).length;
}
