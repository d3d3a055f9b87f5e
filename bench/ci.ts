import { setTimeout as delay } from "node:timers/promises";
import { Buildbot, pushFrom } from "../test/stack/support/ci";
import { TestStack, freePorts } from "../test/stack/support/test-stack";
import type { Figure } from "./bench";
import { percentile } from "./statistics";

const PUSHES = 20;
const POLLED = 6;
const POLL_SECONDS = 10;
const URL = "ssh://git@ci-git-1/sample.git";
const JOB = { name: "sample-test", repository: "sample", steps: [{ name: "test", command: ["make", "test"] }] };

/** From the beginning of `git push` until the server has begun the build; beside the same server that is not told, and looks by itself. */
export async function ci(): Promise<Figure[]> {
  const port = await freePorts(1);
  const settings = { port, push: true, pollSeconds: 3600, jobs: [JOB], users: [{ name: "admin", role: "admin" }] };
  const network = { subnet: "10.165.0.0/24", first: "10.165.0" };
  const stack = await TestStack.create("bench-ci", { network, ci: settings }, "test/stack/programs/ci-server/program.cjs");
  const buildbot = new Buildbot(`http://127.0.0.1:${port}`);
  const pushed = async () => {
    const { revision, began } = await pushFrom(stack.container("ops-1"), URL, "@true");
    await buildbot.buildOf(JOB.name, revision, () => true);
    const ms = performance.now() - began;
    await buildbot.buildOf(JOB.name, revision);
    return ms;
  };
  try {
    await stack.up();
    // The first has the worker clone.
    await pushed();
    const told: number[] = [];
    for (let push = 0; push < PUSHES; push++) told.push(await pushed());
    await stack.up({ ci: { ...settings, push: false, pollSeconds: POLL_SECONDS } });
    const polled: number[] = [];
    for (let push = 0; push < POLLED; push++) {
      // Pushes come whenever they come.
      await delay(Math.random() * POLL_SECONDS * 1000);
      polled.push(await pushed());
    }
    const [p50, p95] = [percentile(told, 0.5), percentile(told, 0.95)];
    return [
      {
        what: "git push begun → build started, by hook",
        measured: `p50 ${p50.toFixed(0)} ms, p95 ${p95.toFixed(0)} ms`,
        beside: `not told, looking every ${POLL_SECONDS} s: p50 ${percentile(polled, 0.5).toFixed(0)} ms, p95 ${percentile(polled, 0.95).toFixed(0)} ms`,
        bound: "p95 ≤ 2000 ms",
        holds: p95 <= 2000,
        runs: `${PUSHES} pushes; not told: ${POLLED}`,
      },
    ];
  } finally {
    await stack.remove();
  }
}
