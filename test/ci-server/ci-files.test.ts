import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, it } from "vitest";
import { knockUrl, masterReload, renderMaster, renderMasterPasswords, renderWorker } from "../../components/ci-server/buildbot-files";
import { NormalGitlab, NormalJenkins, normalizeEngine } from "../../components/ci-server/engine-args";
import { renderGitlabRb } from "../../components/ci-server/gitlab-files";
import {
  jenkinsEnvironment,
  jenkinsReload,
  notifyUrl,
  renderCasc,
  renderPlugins,
  renderStart,
} from "../../components/ci-server/jenkins-files";
import { jenkins, jobs, repositories, users } from "./settings";

const url = "http://127.0.0.1:8010/";
const golden = (name: string) => `golden/${name}`;

describe("Buildbot's files", () => {
  it("are what master.cfg reads", async () => {
    const settings = {
      title: "ci",
      url,
      port: 8010,
      workers: ["ci-worker-1"],
      buildsPerWorker: 1,
      keepDays: 30,
      repositories,
      jobs,
      users,
    };
    await expect(renderMaster(settings)).toMatchFileSnapshot(golden("ci.json"));
    expect(JSON.parse(renderMasterPasswords(["dev"], { dev: "d", boss: "b" }, { hook: "h", workers: { "ci-worker-1": "w" } }))).toEqual({
      users: { dev: "d" },
      hook: "h",
      workers: { "ci-worker-1": "w" },
    });
    expect(JSON.parse(renderWorker("ci-worker-1", "10.0.0.1"))).toEqual({ host: "10.0.0.1", port: 9989, name: "ci-worker-1" });
    expect(masterReload()).toEqual(["buildbot", "reconfig", "--progress_timeout=60", "/data"]);
    expect(knockUrl("10.0.0.1:8010", "shop", "token")).toBe("http://hook:token@10.0.0.1:8010/change_hook/poller?poller=shop");
  });
});

describe("Jenkins' files", () => {
  it("are its configuration as code, its plugins and its environment", async () => {
    const settings = { title: "ci", url, engine: jenkins as NormalJenkins, repositories, jobs, users };
    await expect(renderCasc(settings)).toMatchFileSnapshot(golden("jenkins.yaml"));
    await expect(renderStart()).toMatchFileSnapshot(golden("jenkins-start.sh"));
    expect(renderPlugins(jenkins as NormalJenkins)).toBe("configuration-as-code\ngit:5.7.0\njob-dsl\nmatrix-auth\ntimestamper\n");
    expect(jenkinsEnvironment(jenkins as NormalJenkins, 8010)).toMatchObject({
      JENKINS_OPTS: "--httpPort=8010 --webroot=/var/jenkins_home/war",
      JENKINS_UC: "https://mirror.example.org/jenkins/updates",
      // Not the one that is deprecated, which appends a folder of its own.
      JENKINS_UC_DOWNLOAD_URL: "https://mirror.example.org/jenkins/plugins",
      JENKINS_PLUGIN_INFO: "https://mirror.example.org/jenkins/updates/current/plugin-versions.json",
      JAVA_OPTS: expect.stringContaining("-XX:MaxRAMPercentage=60"),
    });
    expect(notifyUrl("10.0.0.1:8010", "ssh://git@git-1/shop.git")).toBe(
      "http://10.0.0.1:8010/git/notifyCommit?url=ssh%3A%2F%2Fgit%40git-1%2Fshop.git",
    );
    expect(jenkinsEnvironment(normalizeEngine({ type: "jenkins" }, "") as NormalJenkins, 8010)).toMatchObject({
      JENKINS_UC_DOWNLOAD_URL: "https://updates.jenkins.io/download/plugins",
      JENKINS_PLUGIN_INFO: "https://updates.jenkins.io/current/plugin-versions.json",
    });
    expect(jenkinsReload(8010)[2]).toMatch(/^printf .* \| curl .* --config -$/);
  });
});

describe("Jenkins' jobs", () => {
  const scripts = (given: typeof jobs): string[] => {
    const settings = { title: "ci", url, engine: jenkins as NormalJenkins, repositories, jobs: given, users };
    return (JSON.parse(renderCasc(settings)) as { jobs: { script: string }[] }).jobs.map(({ script }) => script);
  };

  it("go when they are no longer declared, also the last one", () => {
    expect(scripts(jobs.slice(0, 1))[0]).toContain("description('dockyard')");
    expect(scripts(jobs.slice(0, 1))[1]).toMatch(/^def wanted = \['shop-test'\]\n.*it\.description == 'dockyard'.*\n.*delete\(\)/);
    expect(scripts([])).toEqual([expect.stringMatching(/^def wanted = \[\]\n/)]);
  });

  it("run without the server's own token, and nobody unknown reads them", () => {
    expect(scripts(jobs)[0]?.match(/shell\('.*/g)).toHaveLength(2);
    for (const [step] of scripts(jobs)
      .join("")
      .matchAll(/shell\('.*/g))
      expect(step).toMatch(/^shell\('env -u CASC_RELOAD_TOKEN /);
    const casc = renderCasc({ title: "ci", url, engine: jenkins as NormalJenkins, repositories, jobs, users });
    expect(casc.slice(casc.indexOf('"anonymous"'), casc.indexOf('"updateCenter"'))).not.toContain("Job/");
  });
});

describe("Jenkins' start", () => {
  const folder = mkdtempSync(join(tmpdir(), "dockyard-jenkins-"));
  const installer = (ending: number) =>
    writeFileSync(join(folder, "jenkins-plugin-cli"), `#!/bin/sh\necho installs\nexit ${ending}\n`, { mode: 0o755 });
  const write = (path: string, content: string) => writeFileSync(join(folder, path), content, { mode: 0o755 });
  const start = async () => {
    const input = renderStart()
      .replaceAll("/etc/jenkins/current", folder)
      .replaceAll("/var/jenkins_home", folder)
      .replaceAll(/\/usr\/(share\/jenkins|local\/bin)/g, folder);
    const { all } = await execa("sh", ["-s"], { input, env: { PATH: `${folder}:${process.env.PATH}` }, all: true, reject: false });
    return all;
  };

  it("installs what is asked for once, so that another needs no network", async () => {
    mkdirSync(join(folder, "secrets"));
    write("secrets/reload-token", "token");
    write("jenkins.sh", '#!/bin/sh\necho "serves with $CASC_RELOAD_TOKEN"\n');
    write("jenkins.war", "one");
    write("plugins.txt", "git\n");
    installer(1);
    expect(await start()).toBe("installs");
    installer(0);
    expect(await start()).toBe("installs\nserves with token");
    installer(1);
    expect(await start()).toBe("serves with token");
    installer(0);
    for (const [path, content] of [["plugins.txt", "git\njob-dsl\n"] as const, ["jenkins.war", "two"] as const]) {
      write(path, content);
      expect(await start(), path).toBe("installs\nserves with token");
      expect(await start(), path).toBe("serves with token");
    }
  });
});

describe("GitLab's file", () => {
  const gitlab = (given: object) => normalizeEngine({ type: "gitlab", ...given }, "") as NormalGitlab;

  it("is small and sends no mail where nothing else is said", async () => {
    await expect(renderGitlabRb({ url: "http://127.0.0.1:8010", port: 8010, engine: gitlab({}) })).toMatchFileSnapshot(golden("gitlab.rb"));
  });

  it("has mail, SSH and more processes where they are asked for", async () => {
    const mail = { host: "mail.example.org", from: "git'lab@example.org", user: "gitlab", password: "secret" };
    const engine = gitlab({ sshPort: 2424, pumaWorkers: 2, sidekiqConcurrency: 10, monitoring: "on", mail });
    const text = renderGitlabRb({ url: "https://gitlab.example.org", port: 8010, engine });
    expect(text).not.toContain("'secret'");
    await expect(text).toMatchFileSnapshot(golden("gitlab-full.rb"));
  });
});
