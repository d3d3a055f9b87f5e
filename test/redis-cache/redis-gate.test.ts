import { spawnSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import {
  sentinelSpareCondition,
  sentinelWholeCondition,
  serverSpareCondition,
  serverWholeCondition,
} from "../../components/redis-cache/redis-gate";

interface Engine {
  /** Nodes that have a container, by their numbers. */
  readonly made?: readonly number[];
  /** Nodes that answer. */
  readonly answers?: readonly number[];
  /** Nodes that do their part. */
  readonly standing?: readonly number[];
  /** Whether the node's own script succeeds: `whole` or `hand-over`. */
  readonly own?: boolean;
}

/** Runs a condition with a docker that answers as the nodes would; what the scripts were given is printed. */
function run(condition: string, { made = [1, 2, 3], answers = made, standing = answers, own = true }: Engine) {
  const docker = [
    'docker() { case "$*" in',
    `ps*'{{.Label'*) printf 'cache-%s\\n' ${made.join(" ")} ;;`,
    `ps*sentinel*) printf 'x-cache-sentinel-%s\\n' ${made.join(" ")} ;;`,
    `ps*) printf 'x-cache-%s\\n' ${made.join(" ")} ;;`,
    ...answers.map((n) => `*"exec x-cache-${n} "*PING|*"exec x-cache-sentinel-${n} "*PING) ;;`),
    ...standing.map((n) => `*"exec x-cache-${n} "*/standing) ;;`),
    `*/whole*|*/hand-over) echo "ran $*"; return ${own ? 0 : 1} ;;`,
    '*) echo "nothing there"; return 1 ;; esac; }',
  ].join("\n");
  const { status, stdout, stderr } = spawnSync("sh", ["-uc", `docker=docker\n${docker}\n${condition}`], { encoding: "utf8" });
  expect(stderr).toBe("");
  return { holds: status === 0, said: stdout.trim() };
}

const whole = serverWholeCondition("x-cache-1", "cache", [["docker"]]);
const spare = serverSpareCondition("x-cache-1", "cache", [["docker"]]);
const sentinelSpare = sentinelSpareCondition("x-cache-sentinel-1", "cache", [["docker"]]);

describe("the gate behind a server", () => {
  it("asks the server, which is told the nodes that have a container", () => {
    expect(run(whole, { made: [1, 2] })).toEqual({
      holds: true,
      said: "ran exec x-cache-1 sh /etc/redis/node/current/whole cache-1 cache-2",
    });
    expect(run(whole, { own: false }).holds).toBe(false);
  });
});

describe("the gate before a server", () => {
  it.each<[string, Engine, boolean, RegExp]>([
    ["all do their part, and it hands over", {}, true, /^ran .*x-cache-1 .*hand-over$/],
    ["it cannot hand over", { own: false }, false, /hand-over/],
    ["another one is down", { answers: [1, 3] }, false, /^x-cache-2: nothing there$/],
    ["another one has no link to its primary", { standing: [1, 2] }, false, /^x-cache-3: /],
    ["there is no other", { made: [1] }, true, /^$/],
    ["it does not answer itself", { answers: [2] }, true, /^$/],
  ])("spares it or not when %s", (_, engine, spared, said) => {
    const seen = run(spare, engine);
    expect(seen.holds).toBe(spared);
    expect(seen.said).toMatch(said);
  });
});

describe("the gates of a Sentinel", () => {
  it.each<[string, Engine, boolean]>([
    ["all answer", {}, true],
    ["one of the others does not", { answers: [1, 2] }, false],
    ["it does not answer itself", { answers: [2] }, true],
    ["all of them go, and one is left", { made: [1, 2], answers: [1, 2] }, true],
    ["it is the last", { made: [1] }, true],
  ])("spare it or not when %s", (_, engine, spared) => {
    expect(run(sentinelSpare, engine).holds).toBe(spared);
  });

  it("find it whole when it answers", () => {
    expect(run(sentinelWholeCondition("x-cache-sentinel-1"), {}).holds).toBe(true);
    expect(run(sentinelWholeCondition("x-cache-sentinel-1"), { answers: [2] }).holds).toBe(false);
  });
});
