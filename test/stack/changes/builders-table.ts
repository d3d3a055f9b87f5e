import { redisBackupUser } from "../../../components/backup-schedule/logins";
import { APP, OTHER } from "./heavy-networks";
import { ROTATION, absent, byTransform, elsewhere, labelled, madeElsewhere, otherTag, remembered, tagged, unstartable } from "./made";
import { Row, Table } from "./table";

/** Port of the CI server's page behind the first of the table's. */
export const CI_PORT = 20;

/** What builds, what it builds from, Redis, and what is taken of Redis. @param port First of the free ports of the host. */
export function buildersTable(port: number): Table {
  return { cache: cacheRow(port), backup: backupRow(), ci: ciRow(port + CI_PORT), "ci-git": gitRow() };
}

function cacheRow(port: number): Row {
  const file = "data/redis-cache.test.ts";
  const live = "changes users, a password, memory, policy, persistence and filters while it runs";
  const backup = redisBackupUser("backup");
  const usersWith = (password: string) => [
    ...[APP, OTHER].map((user) => ({ ...user, keys: [`${user.name}:*`] })),
    { ...backup, password: `${password}-password-of-backup-0123456789` },
  ];
  return {
    args: { replicas: 1, port, memoryMiB: 96, users: usersWith("the-one") },
    sets: ({ replicas }) => ({ "cache-sentinel": 3, cache: 1 + Number(replicas) }),
    changes: {
      environment: byTransform,
      port: { args: { port: port + 5 }, effect: { "cache-sentinel": "left", cache: "rolled" } },
      label: labelled,
      image: tagged("redis"),
      configuration: madeElsewhere({ "cache-sentinel": "left", cache: "reloaded" }, file, live),
      secret: { args: { users: usersWith("another") }, effect: "reloaded" },
      memory: madeElsewhere({ "cache-sentinel": "left", cache: "updated" }, file, live),
      nodes: { args: { replicas: 2 }, effect: { "cache-sentinel": "reloaded", cache: "grown" } },
    },
    faults: {
      image: unstartable("/usr/bin/redis-server", '*"/check.conf "*'),
      configuration: elsewhere(file, live),
      majority: { args: { minReplicas: 1 }, said: "cache.minReplicas: must leave out one replica at least" },
      needed: elsewhere(file, "replaces no server while another one is down"),
    },
    down: elsewhere(file, "comes back with its data and filters after npm run down"),
  };
}

function backupRow(): Row {
  return {
    args: { schedule: "@monthly", keep: 7 },
    sets: () => ({ backup: 1 }),
    changes: {
      environment: byTransform,
      port: absent("it publishes none"),
      label: labelled,
      image: tagged("backup"),
      configuration: { args: { keep: 8 }, effect: "rolled" },
      // Redis' own change gives it another password.
      secret: { effect: "reloaded" },
      // It is told at its start when to collect what it no longer needs.
      memory: { args: { memoryMiB: 288 }, effect: "rolled" },
      // The servers that it asks are more.
      nodes: { effect: "rolled" },
    },
    faults: {
      image: { ...unstartable("/usr/local/bin/backup", '*" check "*'), turn: 2 },
      configuration: absent("what its arguments allow it takes"),
      majority: absent("there is one"),
      needed: absent("there is one"),
    },
    down: "kept",
  };
}

function ciRow(port: number): Row {
  const file = "own/ci-server.test.ts";
  const job = { name: "sample-test", repository: "sample", steps: [{ name: "test", command: ["make", "test"] }] };
  const boss = { name: "boss", role: "admin", password: "the-one-password-of-boss-0123456789" };
  const renewed = { ...boss, password: "another-password-of-boss-0123456789" };
  const engine = { type: "buildbot", workers: 1 };
  const larger = { ...engine, workerMemoryMiB: 224 };
  const other = { ...larger, workerImage: otherTag("buildbot") };
  return {
    args: { port, users: [boss], jobs: [job], engine },
    sets: (args) => ({ ci: 1, "ci-worker": (args.engine as typeof engine).workers }),
    changes: {
      environment: byTransform,
      port: { args: { port: port + 1 }, effect: { ci: "rolled", "ci-worker": "left" } },
      label: labelled,
      image: { args: { image: other.workerImage, engine: other }, effect: "rolled" },
      configuration: madeElsewhere({ ci: "reloaded", "ci-worker": "left" }, file, "takes another job, another user and another trigger"),
      // All of them are told of the git server's other port as well.
      secret: { args: { users: [renewed] }, alone: true, effect: { ci: "reloaded", "ci-worker": "left" } },
      memory: { args: { memoryMiB: 288, engine: larger }, effect: "updated" },
      nodes: { args: { engine: { ...other, workers: 2 } }, effect: { ci: "reloaded", "ci-worker": "grown" } },
    },
    faults: {
      image: unstartable("/usr/bin/twistd3"),
      configuration: absent("what its arguments allow Buildbot takes"),
      majority: absent("there is one"),
      needed: absent("there is one"),
    },
    down: "kept",
  };
}

function gitRow(): Row {
  const repositories = [{ name: "sample" }];
  return {
    args: { port: 2222, repositories },
    sets: () => ({ "ci-git": 1 }),
    changes: {
      environment: byTransform,
      // It publishes none: the server listens elsewhere once it has read its configuration.
      port: { args: { port: 2223 }, effect: "reloaded" },
      label: labelled,
      image: tagged("git-server"),
      configuration: { args: { repositories: [...repositories, { name: "second" }] }, effect: "reloaded" },
      secret: madeElsewhere("reloaded", ...ROTATION),
      memory: remembered(224),
      // Those that may fetch from it are more.
      nodes: { effect: "reloaded" },
    },
    faults: {
      image: unstartable("/usr/sbin/sshd", '*" -t "*'),
      configuration: absent("what its arguments allow git takes"),
      majority: absent("there is one"),
      needed: absent("there is one"),
    },
    down: "kept",
  };
}
