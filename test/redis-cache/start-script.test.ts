import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type Persistence, renderNodeEnvironment } from "../../components/redis-cache/redis-conf";
import { serverScripts } from "../../components/redis-cache/redis-files";

const OWN = "10.0.0.1";
const OTHER = "10.0.0.2";
const ASKED = ["10.0.1.1", "10.0.1.2", "10.0.1.3"];

/** What a Sentinel says: of the primary, of a failover, and of the replicas. */
interface Sentinel {
  readonly primary: string;
  readonly flags?: string;
  readonly replica?: string;
}

interface Situation {
  /** What the Sentinels answer at first, in order; null does not answer. None at all is a server that stands alone. */
  readonly sentinels?: readonly (Sentinel | null)[];
  /** What they answer from their third question on. */
  readonly later?: readonly (Sentinel | null)[];
  /** Primary that the server followed before. */
  readonly followed?: string;
  readonly data?: boolean;
  readonly persistence?: Persistence;
  /** How the data that is there was written. */
  readonly written?: Persistence;
  /** Whether the server that was followed answers. */
  readonly otherAnswers?: boolean;
  /** What the other server says of itself as a replica: seconds since its link to this one broke, -1 where it never had one. */
  readonly linkDownSince?: number;
}

/** Runs the start script with a redis-cli that answers as the others would; returns the configuration that the server gets, and what was said. */
function start(situation: Situation): { conf: string[]; said: string } {
  const {
    sentinels = [],
    later = sentinels,
    followed,
    data = true,
    persistence = "appendonly",
    written,
    otherAnswers = false,
    linkDownSince,
  } = situation;
  const folder = mkdtempSync(join(tmpdir(), "dockyard-test-redis-start-"));
  for (const each of ["current", "data", "bin"]) mkdirSync(join(folder, each));
  for (const { path, content } of serverScripts()) {
    const here = content.replaceAll("/etc/redis/node", folder).replaceAll("/data/", `${folder}/data/`);
    writeFileSync(join(folder, "current", path), here);
  }
  writeFileSync(join(folder, "current", "operator.password"), "secret");
  writeFileSync(join(folder, "current", "settle"), "exit 0\n");
  const nodes = sentinels.map((_, index) => ({ name: `s-${index + 1}`, address: ASKED[index] ?? "" }));
  const environment = {
    cluster: "cache",
    node: { name: "cache-1", address: OWN },
    servers: [
      { name: "cache-1", address: OWN },
      { name: "cache-2", address: OTHER },
    ],
    sentinels: nodes,
    persistence,
    minReplicas: 0,
  };
  writeFileSync(join(folder, "current", "node.env"), renderNodeEnvironment({ ...environment, bloom: "functions" }));
  if (followed !== undefined) writeFileSync(join(folder, "data", "node.conf"), `port 6379\nreplicaof ${followed} 6379\n`);
  if (data) writeFileSync(join(folder, "data", "dump.rdb"), "");
  if (written !== undefined) writeFileSync(join(folder, "data", "persistence"), `${written}\n`);

  const answers = (list: readonly (Sentinel | null)[]) =>
    list.flatMap((sentinel, index) =>
      sentinel === null
        ? []
        : [
            `*"-h ${ASKED[index]} "*GET-MASTER*) printf '%s\\n6379\\n' ${sentinel.primary}; exit ;;`,
            `*"-h ${ASKED[index]} "*MASTER*) printf 'flags\\n%s\\ndown-after-milliseconds\\n3000\\n' ${sentinel.flags ?? "master"}; exit ;;`,
            `*"-h ${ASKED[index]} "*REPLICAS*) printf 'name\\nx\\nflags\\n%s\\n' "${sentinel.replica ?? "s_down,slave,disconnected"}"; exit ;;`,
          ],
    );
  const cli = [
    "#!/bin/sh",
    `case "$*" in *"-h ${ASKED[0]} "*GET-MASTER*) echo >> ${folder}/asked ;; esac`,
    `if [ "$(cat ${folder}/asked 2>/dev/null | wc -l)" -le 2 ]; then case "$*" in`,
    ...answers(sentinels),
    'esac; else case "$*" in',
    ...answers(later),
    "esac; fi",
    ...(otherAnswers ? [`case "$*" in *"-h ${OTHER} "*PING*) echo PONG; exit ;; esac`] : []),
    ...(linkDownSince === undefined
      ? []
      : [
          `case "$*" in *"-h ${OTHER} "*INFO*) printf 'role:slave\\r\\nmaster_host:${OWN}\\r\\nmaster_link_status:down\\r\\nmaster_link_down_since_seconds:${linkDownSince}\\r\\n'; exit ;; esac`,
        ]),
    "exit 1",
  ];
  writeFileSync(join(folder, "bin", "redis-cli"), `${cli.join("\n")}\n`, { mode: 0o755 });
  writeFileSync(join(folder, "bin", "redis-server"), `#!/bin/sh\necho "started with $1"\n`, { mode: 0o755 });
  const { stdout, stderr } = spawnSync("sh", [join(folder, "current", "start")], {
    encoding: "utf8",
    env: { PATH: `${join(folder, "bin")}:${process.env.PATH}` },
    timeout: 20_000,
  });
  expect(stderr).toBe("");
  expect(stdout).toContain("started with");
  const conf = readFileSync(join(folder, "data", "node.conf"), "utf8").split("\n");
  return { conf: conf.filter((line) => /^(replicaof|appendonly)/.test(line)), said: stdout };
}

const own: Sentinel = { primary: OWN };
const other: Sentinel = { primary: OTHER };
const [PRIMARY, REPLICA] = [["appendonly yes"], ["appendonly yes", `replicaof ${OTHER} 6379`]];

describe("a server's start", () => {
  it.each<[string, Situation, string[]]>([
    ["it stands alone", {}, PRIMARY],
    ["it stands alone, and followed one that is gone", { followed: OTHER }, PRIMARY],
    ["it stands alone, and the one that it followed is still there", { followed: OTHER, otherAnswers: true }, REPLICA],
    ["all Sentinels say that it is the primary", { sentinels: [own, own, own] }, PRIMARY],
    ["most of them say that another one is", { sentinels: [own, other, other] }, REPLICA],
    ["it was the primary, and they have chosen another one", { sentinels: [other, other, other] }, REPLICA],
    ["it followed another one, and is the primary now", { sentinels: [own, own, null], followed: OTHER }, PRIMARY],
    ["too few of them answer, and it followed another one", { sentinels: [own, null, null], followed: OTHER }, REPLICA],
    ["it is the primary, has no data, and nobody else has", { sentinels: [own, own, own], data: false }, PRIMARY],
    ["a replica has been started together with it", { sentinels: [{ ...own, replica: "slave" }, own, own], linkDownSince: -1 }, PRIMARY],
    [
      "the only replica's link had broken long before it died",
      { sentinels: [{ ...own, replica: "slave" }, own, own], linkDownSince: 30 },
      PRIMARY,
    ],
    ["a replica that was linked to it is gone by now", { sentinels: [own, own, own], linkDownSince: 3 }, PRIMARY],
  ])("is right when %s", (_, situation, conf) => {
    expect(start(situation).conf).toEqual(conf);
  });

  it.each<[string, Situation, RegExp]>([
    ["too few Sentinels answer", { sentinels: [own, null, null], later: [other, other, null] }, /waiting until 2 Sentinels say/],
    [
      "they are about to choose another one",
      { sentinels: [{ ...own, flags: "master,failover_in_progress" }, own, own], later: [other, other, other] },
      /end of a failover/,
    ],
    [
      "it has no data and a replica has",
      { sentinels: [{ ...own, replica: "slave" }, own, own], later: [other, other, other], data: false },
      /has no data, and a replica has/,
    ],
    [
      "it never keeps data and a replica has it",
      { sentinels: [{ ...own, replica: "slave" }, own, own], later: [other, other, other], persistence: "none", written: "appendonly" },
      /has no data/,
    ],
    [
      "a replica was linked to it when it died",
      { sentinels: [{ ...own, replica: "slave" }, own, own], later: [other, other, other], linkDownSince: 0 },
      /a replica has all of it/,
    ],
  ])(
    "waits as long as %s",
    (_, situation, said) => {
      const seen = start(situation);
      expect(seen.conf).toEqual(REPLICA);
      expect(seen.said).toMatch(said);
    },
    20_000,
  );

  it("reads the data in the way in which it was written, whatever is asked for now", () => {
    expect(start({ persistence: "appendonly", written: "snapshot" }).conf).toEqual(["appendonly no"]);
    expect(start({ persistence: "snapshot", written: "appendonly" }).conf).toEqual(["appendonly yes"]);
  });
});
