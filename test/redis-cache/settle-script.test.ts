import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { renderNodeEnvironment } from "../../components/redis-cache/redis-conf";
import { serverScripts } from "../../components/redis-cache/redis-files";

/** Settles a server that kept a log and is to keep snapshots, and whose redis-cli answers the first asks for one with these; the last is its word from there on. */
function settle(...answers: readonly string[]) {
  const folder = mkdtempSync(join(tmpdir(), "dockyard-test-redis-settle-"));
  for (const each of ["current", "data", "bin"]) mkdirSync(join(folder, each));
  for (const { path, content } of serverScripts()) {
    const here = content.replaceAll("/etc/redis/node", folder).replaceAll("/data/", `${folder}/data/`);
    writeFileSync(join(folder, "current", path), here);
  }
  const environment = {
    cluster: "cache",
    node: { name: "cache-1", address: "10.0.0.1" },
    servers: [],
    sentinels: [],
    persistence: "snapshot",
    minReplicas: 0,
    bloom: "functions",
  } as const;
  const files = { "node.env": renderNodeEnvironment(environment), "operator.password": "secret", "secret.conf": "" };
  for (const [file, content] of Object.entries(files)) writeFileSync(join(folder, "current", file), content);
  writeFileSync(join(folder, "current", "live.conf"), 'save "3600 1"\n');
  writeFileSync(join(folder, "data", "persistence"), "appendonly\n");
  answers.forEach((answer, index) => writeFileSync(join(folder, `answer-${index + 1}`), `${answer}\n`));
  const cli = [
    "#!/bin/sh",
    `echo "$*" >> ${folder}/asked`,
    'case "$*" in',
    "*PING) echo PONG ;;",
    "*ROLE) echo slave ;;",
    `*INFO*) printf 'rdb_bgsave_in_progress:0\\r\\naof_rewrite_in_progress:0\\r\\nrdb_last_bgsave_status:ok\\r\\n' ;;`,
    `*BGSAVE*) count=$(grep -c BGSAVE ${folder}/asked); [ "$count" -le ${answers.length} ] || count=${answers.length}`,
    `  said=$(cat ${folder}/answer-$count); case $said in ERR*) echo "$said" >&2; exit 1 ;; esac; echo "$said" ;;`,
    "esac",
  ];
  writeFileSync(join(folder, "bin", "redis-cli"), cli.join("\n"), { mode: 0o755 });
  const path = `${join(folder, "bin")}:${process.env.PATH}`;
  const { status, stderr } = spawnSync("sh", [join(folder, "current", "settle")], {
    encoding: "utf8",
    env: { ...process.env, PATH: path },
  });
  const asked = readFileSync(join(folder, "asked"), "utf8").split("\n");
  return {
    status,
    stderr,
    snapshots: asked.filter((line) => line.includes("BGSAVE")).length,
    off: asked.some((line) => line.endsWith("appendonly no")),
  };
}

const STARTED = "Background saving started";
const BUSY = "ERR Background save already in progress";

describe("a server that is to keep snapshots in place of a log", () => {
  it("takes one, and then keeps no log", () => {
    expect(settle(STARTED)).toMatchObject({ status: 0, snapshots: 1, off: true });
  });

  it("waits for one that is under way, and takes another behind it", () => {
    expect(settle(BUSY, BUSY, STARTED)).toMatchObject({ status: 0, snapshots: 3, off: true });
  });

  it("keeps its log where none can be taken, and says why", () => {
    const { status, stderr, snapshots, off } = settle("ERR no space");
    expect({ status, snapshots, off }).toEqual({ status: 1, snapshots: 1, off: false });
    expect(stderr).toContain("ERR no space");
  });
});
