import * as pulumi from "@pulumi/pulumi";
import { describe, expect, it } from "vitest";
import { BackupScheduleArgs, normalizeBackupScheduleArgs } from "../../components/backup-schedule/args";
import { renderBackupSettings } from "../../components/backup-schedule/backup-files";
import { BackupSchedule } from "../../components/backup-schedule/backup-schedule";
import { isSchedule } from "../../components/backup-schedule/schedule";
import { Endpoint } from "../../components/core/endpoint";
import { emptyNetwork, recordResources, settled } from "../mocks";

const registered = recordResources();
const network = emptyNetwork({ backup: "10.89.0.230" });
const password = pulumi.secret("s3cret-of-a-system");
const snapshots = {
  mount: { volume: "shop-search-snapshots", path: "/var/lib/elasticsearch/snapshots" },
  ready: new pulumi.ComponentResource("test:index:Ready", "ready"),
};
const given: BackupScheduleArgs = {
  network,
  target: {
    type: "bucket",
    endpoint: "https://s3.example.org",
    bucket: "backups",
    prefix: "of/shop",
    accessKey: "key",
    secretKey: password,
  },
  mysql: { endpoints: [new Endpoint("10.89.0.171", 3306), new Endpoint("10.89.0.172", 3306)], user: "backup", password },
  consul: { endpoints: [new Endpoint("10.89.0.21", 8500)] },
  redis: { endpoints: [new Endpoint("10.89.0.191", 6379)], user: "backup", password, derived: ["goods:*"] },
  rabbitmq: { endpoints: [new Endpoint("10.89.0.31", 15_672)], user: "backup", password },
  elasticsearch: { endpoints: [new Endpoint("10.89.0.181", 9200)], snapshots, exclude: ["goods"] },
};

describe("a backup's arguments", () => {
  it("are one set each night into a volume of its own, a week of them", () => {
    expect(normalizeBackupScheduleArgs("backup", { network, consul: given.consul })).toMatchObject({
      schedule: "0 3 * * *",
      keep: 7,
      binlogSeconds: 60,
      target: { type: "volume" },
      consul: { exclude: ["upstreams/"] },
    });
  });

  it("are refused all at once, each with what to do, and without a secret in the words", () => {
    const refused = () =>
      normalizeBackupScheduleArgs("Backup", {
        network,
        schedule: "every night",
        keep: 0,
        binlogSeconds: 0.5,
        memoryMiB: 10,
        cpus: 0,
        target: {
          type: "bucket",
          endpoint: "s3.example.org/x",
          bucket: "B",
          prefix: "/a",
          accessKey: "",
          secretKey: "in-clear" as unknown as pulumi.Output<string>,
        },
        mysql: { endpoints: [], user: "", password: "in-clear" as unknown as pulumi.Output<string> },
      });
    expect(refused).toThrowErrorMatchingInlineSnapshot(`
      [ConfigError: Backup.name: must be lower-case letters, digits and inner hyphens, since its container is called by it, got "Backup"
      Backup.schedule: must be a line of cron with minute, hour, day, month and weekday in numbers, such as "0 3 * * *", of a day that comes, or @hourly, @daily, @weekly or @monthly, got "every night"
      Backup.keep: must be a whole number from 1 to 1000: the newest set is always kept, got 0
      Backup.binlogSeconds: must be whole seconds from 1 to a day, got 0.5
      Backup.memoryMiB: must be a whole number of MiB from 192: pieces of what is kept are in memory while they are sent, got 10
      Backup.cpus: must be more than 0, got 0
      Backup.target.endpoint: must be a URL without a path, such as https://s3.example.org, got "s3.example.org/x"
      Backup.target.bucket: must be 3 to 63 lower-case letters, digits, '.' and '-', got "B"
      Backup.target.prefix: must be names with '/' between, such as backups/shop, got "/a"
      Backup.target.accessKey: must be the key by which the server knows who asks, got ""
      Backup.target.secretKey: must be a secret, such as config.requireSecret(...) or pulumi.secret(...), got "(in clear)"
      Backup.mysql.endpoints: must name a node, such as the endpoints of the component, got []
      Backup.mysql.user: must be a user of the system, got ""
      Backup.mysql.password: must be a secret, such as config.requireSecret(...) or pulumi.secret(...), got "(in clear)"]
    `);
    expect(refused).not.toThrow(/in-clear/);
  });

  it("name a system, and a folder by its whole path", () => {
    expect(() => normalizeBackupScheduleArgs("backup", { network })).toThrow(/backup\.mysql: must be given, or consul/);
    const inFolder = (path: string) =>
      normalizeBackupScheduleArgs("backup", { network, consul: given.consul, target: { type: "folder", path } });
    expect(inFolder("/srv/backups").target).toEqual({ type: "folder", path: "/srv/backups" });
    for (const path of ["srv/backups", "/", "/srv:backups", "/srv/../etc/"])
      expect(() => inFolder(path), path).toThrow(/backup\.target\.path/);
  });

  it.each([
    ["0 3 * * *", true],
    ["*/15 0-6,22 1 1-6/2 1-5", true],
    ["@daily", true],
    ["60 3 * * *", false],
    ["0 3 * *", false],
    ["0 3 * * MON", false],
    ["5-1 * * * *", false],
    ["*/0 * * * *", false],
    ["@yearly ", false],
    ["0 3 31 2 *", false],
    ["0 3 31 2,4-6/2,11 *", false],
    ["0 3 30 2,4 *", true],
    ["0 3 29-31 2 *", true],
    ["0 3 31 2 1", true],
    ["0 3 31,* 2 *", true],
    ["", false],
  ])("know whether %j is a schedule", (text, expected) => {
    expect(isSchedule(text)).toBe(expected);
  });
});

describe("what the service reads", () => {
  it("is as it was", async () => {
    const settings = { ...normalizeBackupScheduleArgs("backup", given), stack: "shop-dev", place: "/srv/backups", serverId: 4_000_000_000 };
    await expect(renderBackupSettings(settings)).toMatchFileSnapshot("golden/backup.json");
    const inFolder = JSON.parse(renderBackupSettings({ ...settings, target: { type: "folder" } })) as { target: unknown };
    expect(inFolder.target).toEqual({ folder: "/var/lib/backup", place: "/srv/backups" });
  });
});

describe("a backup", () => {
  it("is one container with its passwords in files and the snapshots of Elasticsearch", async () => {
    new BackupSchedule("backup", given);
    const resources = await settled(registered);
    const containers = resources.filter(({ type }) => type === "docker:index/container:Container");
    expect(containers.map(({ name }) => name)).toEqual(["backup-1"]);
    expect(containers[0]?.inputs).toMatchObject({
      command: ["backup", "run", "/etc/backup/current/backup.json"],
      user: "1000:1000",
      readOnly: true,
      networksAdvanced: [{ ipv4Address: "10.89.0.230" }],
    });
    expect(JSON.stringify(containers)).toContain("shop-search-snapshots");
    expect(JSON.stringify(containers)).not.toContain("s3cret-of-a-system");
  });
});
