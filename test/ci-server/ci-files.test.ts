import { describe, expect, it } from "vitest";
import { knockUrl, renderMaster, renderMasterPasswords, renderWorker } from "../../components/ci-server/buildbot-files";
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
    expect(JSON.parse(renderMasterPasswords(["dev"], { dev: "d", boss: "b" }, { hook: "h", worker: "w" }))).toEqual({
      users: { dev: "d" },
      hook: "h",
      worker: "w",
    });
    expect(JSON.parse(renderWorker("ci-worker-1", "10.0.0.1"))).toEqual({ host: "10.0.0.1", port: 9989, name: "ci-worker-1" });
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
      JENKINS_UC_DOWNLOAD: "https://mirror.example.org/jenkins/updates/download",
      JAVA_OPTS: expect.stringContaining("-XX:MaxRAMPercentage=60"),
    });
    expect(notifyUrl("10.0.0.1:8010", "ssh://git@git-1/shop.git")).toBe(
      "http://10.0.0.1:8010/git/notifyCommit?url=ssh%3A%2F%2Fgit%40git-1%2Fshop.git",
    );
    expect(jenkinsReload(8010)[2]).toMatch(/^printf .* \| curl .* --config -$/);
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
