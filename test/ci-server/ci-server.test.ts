import * as pulumi from "@pulumi/pulumi";
import { afterAll, describe, expect, it } from "vitest";
import { CiServerArgs, normalizeCiServerArgs } from "../../components/ci-server/args";
import { CiServer } from "../../components/ci-server/ci-server";
import { emptyNetwork, recordResources, settled } from "../mocks";

const registered = recordResources();
const addresses = { ci: "10.89.0.221", "ci-worker": "10.89.0.222", jenkins: "10.89.0.231", gitlab: "10.89.0.241" };
const network = emptyNetwork(addresses);
const shop = { name: "shop", url: "ssh://git@git-1/shop.git" };
const test = { name: "shop-test", repository: "shop", steps: [{ name: "test", command: ["make", "test"] }] };

/** What is wrong, a line each without the component's name. */
function faults(args: Partial<Record<keyof CiServerArgs, unknown>>): string[] {
  try {
    normalizeCiServerArgs("ci", { network, ...args } as CiServerArgs);
  } catch (error) {
    return (error as Error).message.split("\n");
  }
  return [];
}

describe("a CI server's arguments", () => {
  it("are a Buildbot with one worker and one admin", () => {
    expect(normalizeCiServerArgs("ci", { network, repositories: [shop], jobs: [test] })).toMatchObject({
      engine: { type: "buildbot", workers: 1, buildsPerWorker: 1, workerMemoryMiB: 192, keepDays: 30 },
      port: 8010,
      repositories: [{ ...shop, branches: ["main"], push: true, pollSeconds: 60 }],
      jobs: [{ ...test, branches: ["main"], steps: [{ name: "test", environment: {}, timeoutSeconds: 600 }] }],
      users: [{ name: "admin", role: "admin" }],
      memoryMiB: 256,
      user: "8010:8010",
    });
  });

  it("describe the containers that clone", () => {
    const members = CiServer.describe("ci", {
      network,
      engine: { type: "buildbot", workers: 2, workerImage: "node:1" },
      logsInTo: ["git-1"],
    });
    expect(members).toMatchObject([
      { name: "ci-1", address: "10.89.0.221", user: "8010:8010", logsInTo: ["git-1"] },
      { name: "ci-worker-1", address: "10.89.0.222", image: "node:1", logsInTo: ["git-1"] },
      { name: "ci-worker-2", address: "10.89.0.223" },
    ]);
    expect(CiServer.describe("jenkins", { network, engine: { type: "jenkins" }, logsInTo: [] })).toHaveLength(1);
    expect(() => CiServer.describe("ci", { network } as never)).toThrow(/ci\.logsInTo: must be /);
  });

  it("refuse two jobs or repositories of one name, and a repository that there is not", () => {
    expect(faults({ repositories: [shop, shop], jobs: [test, test, { ...test, name: "other", repository: "absent" }] })).toEqual([
      'ci.repositories[1].name: must be its own; rename or remove the other repository, got "shop"',
      'ci.jobs[1].name: must be its own, but jobs[0] has it; rename one of them, got "shop-test"',
      'ci.jobs[2].repository: must be one of repositories: shop, shop; declare it there, got "absent"',
    ]);
  });

  it("refuse triggers, names and commands that cannot work", () => {
    const repositories = [
      { ...shop, pollSeconds: 0.5 },
      { ...shop, name: "B", url: "ssh://git:secret@git-1/b.git" },
      { ...shop, name: "c", push: false, pollSeconds: null, branches: [] },
      { ...shop, name: "d", branches: ["a b"] },
    ];
    const steps = [
      { name: "checkout", command: [] },
      { name: "test", command: ["a"], timeoutSeconds: 0 },
      { name: "test", command: ["a\nb"], environment: { "A-B": "1" } },
    ];
    const jobs = [
      { name: "Test", repository: "shop", branches: ["next"], steps },
      { name: "empty", repository: "shop", steps: [] },
    ];
    const said = faults({ repositories, jobs, port: 80, memoryMiB: 64, cpus: 0 });
    expect(said.join("\n")).not.toContain("secret");
    expect(said.map((line) => line.split(":")[0])).toEqual([
      "ci.port",
      "ci.memoryMiB",
      "ci.cpus",
      "ci.repositories[0].pollSeconds",
      "ci.repositories[1].name",
      "ci.repositories[1].url",
      "ci.repositories[2].branches",
      "ci.repositories[2].pollSeconds",
      "ci.repositories[3].branches",
      "ci.jobs[0].name",
      "ci.jobs[0].branches",
      "ci.jobs[0].steps[0].name",
      "ci.jobs[0].steps[0].command",
      "ci.jobs[0].steps[1].timeoutSeconds",
      "ci.jobs[0].steps[2].name",
      "ci.jobs[0].steps[2].command",
      "ci.environment",
      "ci.jobs[1].steps",
    ]);
  });

  it("refuse users that cannot be, and passwords in clear", () => {
    const users = [{ name: "a b" }, { name: "dev" }, { name: "dev", password: "clear" }];
    expect(faults({ users })).toEqual([
      'ci.users: must hold an admin, or nobody could look after the server, got ["a b","dev","dev"]',
      expect.stringMatching(/^ci\.users\[0\]\.name: .*, got "a b"$/),
      expect.stringMatching(/^ci\.users\[2\]\.name: must be its own/),
      expect.stringMatching(/^ci\.users\[2\]\.password: must be a secret.*, got "\(in clear\)"$/),
    ]);
  });

  it("refuse options that the engine has not", () => {
    expect(faults({ engine: { type: "buildbot", plugins: [] } })).toEqual([
      expect.stringMatching(/^ci\.engine\.plugins: is not known; there are type, workers/),
    ]);
    expect(faults({ engine: { type: "travis" } })).toEqual([
      expect.stringMatching(/^ci\.engine\.type: must be one of buildbot, jenkins, gitlab, got "travis"/),
    ]);
    expect(
      faults({ engine: { type: "buildbot", workers: 9, buildsPerWorker: 0, workerMemoryMiB: 1, keepDays: 0, workerCpus: 0 } }),
    ).toHaveLength(5);
    const jenkins = { type: "jenkins", executors: 0, heapShare: 2, updateCenter: "mirror/update-center.json", plugins: ["a b"] };
    expect(faults({ engine: jenkins, repositories: [{ ...shop, pollSeconds: 90 }] }).map((line) => line.split(":")[0])).toEqual([
      "ci.engine.executors",
      "ci.engine.heapShare",
      "ci.engine.updateCenter",
      "ci.engine.plugins",
      "ci.repositories[0].pollSeconds",
    ]);
    const mail = { host: "a b", port: 0, from: "nobody", user: "x" };
    const gitlab = { type: "gitlab", externalUrl: "gitlab/path", sshPort: 0, pumaWorkers: -1, sidekiqConcurrency: 0, mail };
    const users = [{ name: "boss", role: "admin" }];
    expect(faults({ engine: gitlab, repositories: [shop], jobs: [test], users }).map((line) => line.split(":")[0])).toEqual([
      "ci.users",
      "ci.engine.pumaWorkers",
      "ci.engine.sidekiqConcurrency",
      "ci.engine.externalUrl",
      "ci.engine.sshPort",
      "ci.engine.mail.host",
      "ci.engine.mail.port",
      "ci.engine.mail.from",
      "ci.engine.mail.user",
      "ci.repositories",
      "ci.jobs",
    ]);
  });
});

describe("a CI server", () => {
  const find = (name: string, type: string) => registered.find((each) => each.name === name && each.type.endsWith(type))?.inputs ?? {};
  const staged = (name: string) => (find(name, "Command") as { stdin: { value: string } }).stdin.value;

  afterAll(async () => {
    await settled(registered);
  });

  it("of Buildbot is a master and workers, and says where a push knocks", async () => {
    const ci = new CiServer("ci", {
      network,
      engine: { type: "buildbot", workers: 2 },
      repositories: [shop, { ...shop, name: "polled", push: false }],
      jobs: [test],
      users: [{ name: "boss", role: "admin", password: pulumi.secret("given") }, { name: "dev" }],
    });
    const jenkins = new CiServer("jenkins", { network, engine: { type: "jenkins" }, port: 8011, repositories: [shop], jobs: [test] });
    const gitlab = new CiServer("gitlab", { network, engine: { type: "gitlab", sshPort: 2424 }, port: 8012 });
    expect([String(ci.endpoint), String(ci.published)]).toEqual(["10.89.0.221:8010", "127.0.0.1:8010"]);
    expect(ci.listeners.map(({ repository }) => repository)).toEqual(["shop"]);
    expect(jenkins.listeners.map(({ repository }) => repository)).toEqual(["shop"]);
    expect(gitlab.listeners).toEqual([]);
    expect(() => ci.password("other")).toThrow('ci.users: must have it before it is asked for; there are boss, dev, got "other"');
    await settled(registered);

    expect(find("ci-1", "Container")).toMatchObject({
      command: ["/bin/sh", "/etc/buildbot/current/start-master"],
      user: "8010:8010",
      memory: 256,
      readOnly: true,
      ports: [{ internal: 8010, external: 8010, ip: "127.0.0.1" }],
    });
    expect(find("ci-worker-2", "Container")).toMatchObject({
      command: ["/bin/sh", "/etc/buildbot/current/start-worker"],
      networksAdvanced: [{ ipv4Address: "10.89.0.223" }],
      ports: [],
    });
    expect(staged("ci-1-config")).toContain('"boss": "given"');
    expect(staged("ci-1-config")).toContain('"dev": "generated-ci-user-dev-password"');
    expect(staged("ci-1-config")).toContain('"ci-worker-2": "generated-ci-worker-2-password"');
    expect(staged("ci-worker-1-config")).toContain("generated-ci-worker-1-password");
    expect(staged("ci-worker-1-config")).not.toMatch(/given|generated-ci-(?!worker-1-)/);
  });

  it("of Jenkins is the official image with its secrets in files", () => {
    expect(find("jenkins-1", "Container")).toMatchObject({
      image: "jenkins/jenkins:2.516.3-lts-jdk21",
      user: "1000:1000",
      command: ["/bin/sh", "/etc/jenkins/current/start"],
      readOnly: true,
      ports: [{ internal: 8011, external: 8011 }],
    });
    expect(JSON.stringify(find("jenkins-1", "Container"))).not.toContain("generated-");
    expect(staged("jenkins-1-config")).toMatch(/secrets\/password-of-admin/);
    expect(staged("jenkins-1-config")).toContain("generated-jenkins-user-admin-password");
  });

  it("of GitLab is the official image, which alone may write into itself", () => {
    expect(find("gitlab-1", "Container")).toMatchObject({
      image: "gitlab/gitlab-ce:18.5.1-ce.0",
      user: "0:0",
      readOnly: false,
      shmSize: 256,
      envs: ["GITLAB_OMNIBUS_CONFIG=from_file('/etc/dockyard-gitlab/current/gitlab.rb')"],
      ports: [
        { internal: 22, external: 2424 },
        { internal: 8012, external: 8012 },
      ],
      volumes: [
        { volumeName: "dockyard-unit-gitlab-1-settings-data", containerPath: "/etc/gitlab" },
        { volumeName: "dockyard-unit-gitlab-1-log-data", containerPath: "/var/log/gitlab" },
        { volumeName: "dockyard-unit-gitlab-1-data", containerPath: "/var/opt/gitlab" },
        { volumeName: "dockyard-unit-gitlab-1-config", containerPath: "/etc/dockyard-gitlab", readOnly: true },
      ],
    });
    expect(staged("gitlab-1-config")).toContain("generated-gitlab-user-root-password");
  });
});
