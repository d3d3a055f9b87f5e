import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { renderGateCommand, renderSpareCommand } from "../../components/core/gate";
import { Host } from "../../components/core/host";

const folder = mkdtempSync(join(tmpdir(), "dockyard-gate-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A machine whose docker command says that everything runs and was never restarted, but for what a case says. */
function hostWith(docker: string): Host {
  const program = join(folder, `docker-${Math.random().toString(36).slice(2)}`);
  writeFileSync(program, `#!/bin/sh\n${docker}\ncase $1 in ps) echo running;; inspect) echo 0;; logs) echo "out of memory";; esac\n`);
  chmodSync(program, 0o755);
  const host = new Host({ name: "local" });
  Object.assign(host, { docker: [program] });
  return host;
}

function run(script: string, env: Record<string, string> = {}) {
  const started = Date.now();
  const { status, stderr } = spawnSync("sh", ["-c", script], { encoding: "utf8", env: { ...process.env, ...env } });
  return { status, stderr, seconds: (Date.now() - started) / 1000 };
}

describe("a gate", () => {
  const everythingRuns = hostWith("");

  it("passes once its node is whole", () => {
    const counter = join(folder, "looks");
    const third = `echo x >> ${counter}; [ "$(wc -l < ${counter})" -ge 3 ]`;
    expect(run(renderGateCommand("node-1", { host: everythingRuns, whole: third }))).toMatchObject({ status: 0, stderr: "" });
  });

  it("fails at its deadline with what it saw and the node's last words", () => {
    const { status, stderr } = run(
      renderGateCommand("node-1", { host: everythingRuns, whole: "echo no leader; false", timeoutSeconds: 1 }),
    );
    expect(status).toBe(1);
    expect(stderr).toBe("node-1 does not become whole: no leader\nits last words:\nout of memory\n");
  });

  it("does not wait for what somebody has to do first", () => {
    const { status, stderr, seconds } = run(
      renderGateCommand("node-1", { host: everythingRuns, whole: "echo no primary key; exit 3", timeoutSeconds: 60 }),
    );
    expect(status).toBe(1);
    expect(stderr).toContain("node-1 does not become whole: no primary key");
    expect(seconds).toBeLessThan(10);
  });

  it("is not held up by an engine that does not answer", () => {
    const hung = hostWith('[ "$1" != exec ] || sleep 60');
    const { status, stderr, seconds } = run(
      renderGateCommand("node-1", { host: hung, whole: "$docker exec node-1 health", timeoutSeconds: 1 }),
    );
    expect(status).toBe(1);
    expect(stderr).toContain("node-1 does not become whole: no answer within 1 s");
    expect(seconds).toBeLessThan(10);
  });

  it("waits for a container that is just starting again, which the engine cannot limit", () => {
    const tries = join(folder, "tries");
    const starting = hostWith(
      `[ "$1" != update ] || { echo x >> ${tries}; [ "$(wc -l < ${tries})" -ge 3 ] || { echo "is not running" >&2; exit 1; }; }`,
    );
    expect(run(renderGateCommand("node-1", { host: starting, whole: "true" }))).toMatchObject({ status: 0, stderr: "" });
    const never = hostWith('[ "$1" != update ] || { echo "is not running" >&2; exit 1; }');
    expect(run(renderGateCommand("node-1", { host: never, whole: "true", timeoutSeconds: 1 })).stderr).toContain(
      "does not become whole: is not running",
    );
  });

  it("does not wait for a container that cannot even start", () => {
    const counter = join(folder, "restarts");
    const restarting = hostWith(`[ "$1" != inspect ] || { echo x >> ${counter}; wc -l < ${counter}; exit; }`);
    const { status, seconds } = run(renderGateCommand("node-1", { host: restarting, whole: "false", timeoutSeconds: 60 }));
    expect(status).toBe(1);
    expect(seconds).toBeLessThan(20);
  });
});

describe("a spare command", () => {
  it("lets a node go that the others can spare", () => {
    expect(run(renderSpareCommand("node-1", { host: hostWith(""), spare: "true" }))).toMatchObject({ status: 0 });
  });

  it("asks nothing about a node that does not run", () => {
    const stopped = hostWith('[ "$1" != ps ] || { echo exited; exit; }');
    expect(run(renderSpareCommand("node-1", { host: stopped, spare: "exit 7" }))).toMatchObject({ status: 0 });
  });

  it("asks nothing when the whole stack stops", () => {
    const script = renderSpareCommand("node-1", { host: hostWith(""), spare: "exit 7" });
    expect(run(script, { DOCKYARD_STOP: "1" })).toMatchObject({ status: 0 });
  });
});
