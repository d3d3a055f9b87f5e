import { execa } from "execa";
import { Harm, MovingAddress, Sample, heldTwice } from "../test/stack/support/moving-address";
import { Prober } from "../test/stack/support/prober";
import { TestStack, freePorts } from "../test/stack/support/test-stack";
import type { Figure } from "./bench";
import { percentile } from "./statistics";

const ROUNDS = 20;
/** Rounds with the interval that keepalived has by itself, to compare with. */
const ROUNDS_BESIDE = 5;
const BUSY_MINUTES = 10;
const BUSY_LOOPS = 4;
const VIP = "10.198.0.100";
const NODES = ["proxy-1", "proxy-2"];

/** The bounds in milliseconds; the check asks every 2 s whether HAProxy answers. */
const HARMS: Record<Harm, { what: string; bound: number }> = {
  kill: { what: "active proxy's container killed → next answer", bound: 250 },
  pause: { what: "active proxy's container paused → next answer", bound: 250 },
  stop: { what: "address moved as a roll does, by a clean stop → next answer", bound: 100 },
  haproxy: { what: "HAProxy alone killed in the active proxy → next answer", bound: 2250 },
};

/** How long nobody answers on the address of a pair, by a prober every 10 ms in its network; and how often it moves without a reason. */
export async function failover(): Promise<Figure[]> {
  const pair = { weights: [1, 1], lines: [], environment: {}, memoryMiB: 256, statsPort: await freePorts(2) };
  const stack = await TestStack.create(
    "bench",
    { network: { subnet: "10.198.0.0/24", addresses: { proxy: "10.198.0.11", web: "10.198.0.41" }, virtualAddress: VIP }, pair },
    "test/stack/programs/haproxy-keepalived-pair/program.cjs",
  );
  try {
    await stack.up();
    const address = new MovingAddress(stack, NODES, VIP);
    const prober = await Prober.start(stack.label, stack.container("services"), VIP, 5600);
    const figures: Figure[] = [await heldWhileBusy(address)];
    const silences: Partial<Record<Harm, number[]>> = {};
    for (const kind of Object.keys(HARMS) as Harm[]) silences[kind] = await silencesOf(kind, ROUNDS, address, prober);
    figures.push(await heldOnceAfterPause(address, prober));
    await stack.up({ pair: { ...pair, advertSeconds: 1 } });
    const beside = await silencesOf("kill", ROUNDS_BESIDE, address, prober);
    return [
      ...Object.entries(HARMS).map(([kind, harm]) => figureOf(harm, silences[kind as Harm] ?? [], kind === "kill" ? beside : [])),
      ...figures,
    ];
  } finally {
    await stack.remove();
  }
}

async function silencesOf(kind: Harm, rounds: number, address: MovingAddress, prober: Prober): Promise<number[]> {
  const silences: number[] = [];
  for (let round = 0; round < rounds; round++) silences.push(await address.harm(kind, prober));
  return silences;
}

function figureOf({ what, bound }: { what: string; bound: number }, silences: readonly number[], beside: readonly number[]): Figure {
  const p99 = percentile(silences, 0.99);
  return {
    what,
    // By nearest rank the 99th percentile of so few is the longest.
    measured: `p50 ${seconds(percentile(silences, 0.5))}, p99 ${seconds(p99)}${silences.length <= 100 ? ", the longest" : ""}`,
    beside:
      beside.length === 0
        ? "–"
        : `the same pair with a sign of life every second, as keepalived has it by itself: p50 ${seconds(percentile(beside, 0.5))}`,
    bound: `p99 ≤ ${seconds(bound)}`,
    holds: p99 <= bound,
    runs: `${silences.length}${beside.length === 0 ? "" : `; beside: ${beside.length}`}`,
  };
}

/** Pauses the holder again and again; from a second after it is back nobody may see two. */
async function heldOnceAfterPause(address: MovingAddress, prober: Prober): Promise<Figure> {
  const late: Sample[] = [];
  let whilePaused = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const started = await address.sampled(() => address.harm("pause", prober));
    whilePaused += heldTwice(started).length;
    const settled = await address.sampled(() => new Promise((resolve) => setTimeout(resolve, 2000)));
    late.push(...settled.filter(({ at }) => at >= (settled[0]?.at ?? 0) + 1000));
  }
  const twice = heldTwice(late).length;
  return {
    what: "two holders seen once a paused one is back for 1 s",
    measured: `${twice} of ${late.length} samples`,
    beside: `while it was paused, when both have the address: ${whilePaused} samples`,
    bound: "0",
    holds: twice === 0 && whilePaused > 0,
    runs: `${ROUNDS} pauses, a sample every 20 ms`,
  };
}

async function heldWhileBusy(address: MovingAddress): Promise<Figure> {
  const holder = await address.settled();
  const loops = Array.from({ length: BUSY_LOOPS }, () => execa("sh", ["-c", "while :; do :; done"], { reject: false }));
  try {
    const samples = await address.sampled(() => new Promise((resolve) => setTimeout(resolve, BUSY_MINUTES * 60_000)));
    const elsewhere = samples.filter(({ holders }) => holders.join() !== holder).length;
    return {
      what: `address elsewhere than at its node, ${BUSY_LOOPS} busy loops on the machine`,
      measured: `${elsewhere} of ${samples.length} samples`,
      beside: "–",
      bound: "0",
      holds: elsewhere === 0,
      runs: `${BUSY_MINUTES} minutes`,
    };
  } finally {
    for (const loop of loops) loop.kill("SIGKILL");
    await Promise.all(loops);
  }
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(2)} s`;
}
