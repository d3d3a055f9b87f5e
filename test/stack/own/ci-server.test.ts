import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Buildbot, FAILURE, Pushed, RETRY, SUCCESS, pushFrom } from "../support/ci";
import { containersOf, docker } from "../support/engine";
import { get, until } from "../support/load";
import { processesDuring } from "../support/processes";
import { TestStack, freePorts } from "../support/test-stack";

const NAME = "test-ci";
const PROGRAM = "test/stack/programs/ci-server/program.cjs";
const URL = "ssh://git@ci-git-1/sample.git";
const TEST = {
  name: "sample-test",
  repository: "sample",
  steps: [{ name: "test", command: ["make", "test"], environment: { GREETING: "a $b" } }],
};
const USERS = [{ name: "boss", role: "admin" }, { name: "dev" }];

let stack: TestStack;
let settings: Record<string, unknown>;
let buildbot: Buildbot;
let passwords: Record<string, string>;

beforeAll(async () => {
  const port = await freePorts(1);
  settings = { port, push: true, pollSeconds: null, jobs: [TEST], users: USERS };
  stack = await TestStack.create(NAME, { network: { subnet: "10.164.0.0/24", first: "10.164.0" }, ci: settings }, PROGRAM);
  await stack.up();
  buildbot = new Buildbot(`http://127.0.0.1:${port}`);
  passwords = (await stack.secretOutputs<{ passwords: Record<string, string> }>()).passwords;
});

afterAll(async () => {
  await stack?.remove();
});

const push = (script: string): Promise<Pushed> => pushFrom(stack.container("ops-1"), URL, script);

async function logged(line: string): Promise<boolean> {
  return (await docker("logs", stack.container("ci-1"))).includes(line);
}

async function identities(): Promise<string[]> {
  return Object.entries(await containersOf(stack.label))
    .map(([node, { Id, State }]) => `${node} ${Id} ${State.StartedAt}`)
    .sort();
}

/** What a command in a node's container says, and how it ends. */
async function on(node: string, ...command: string[]): Promise<{ exitCode?: number; all: string }> {
  return execa("docker", ["exec", stack.container(node), ...command], { all: true, reject: false, stdin: "ignore" });
}

describe("a CI server", () => {
  it("waits for a first push, has nothing to change, and builds it", async () => {
    expect(await stack.preview()).toEqual([]);
    expect((await get(buildbot.url)).body).toContain("Buildbot");
    expect(await buildbot.builds("sample-test")).toEqual([]);
    const { revision, said } = await push('@echo "it says: $$GREETING"');
    expect(said).not.toContain("remote:");
    const build = await buildbot.buildOf("sample-test", revision);
    expect(build).toMatchObject({ number: 1, results: SUCCESS });
    expect(await buildbot.output(build, "test")).toContain("it says: a $b");
    await until("its log says so", async () => logged(`job sample-test build 1 of ${revision}: success`));
  });

  it("says so when a build fails", async () => {
    const { revision } = await push("@echo broken; exit 3");
    const build = await buildbot.buildOf("sample-test", revision);
    expect(build.results).toBe(FAILURE);
    expect(await buildbot.output(build, "test")).toContain("broken");
    await until("its log says so", async () => logged(`job sample-test build 2 of ${revision}: failure`));
  });

  // How soon is measured by the bench, where nothing else runs; by looking alone it would be never.
  it("starts a build by the hook for each commit, also while another is built, and finds nothing of an earlier one", async () => {
    const leave = ["@echo left > left; echo left >> .git/info/exclude", "@git config --global core.hooksPath /data/left"];
    const hook =
      "@mkdir -p /data/left; printf '#!/bin/sh\\ntouch /data/hooked' > /data/left/post-checkout; chmod +x /data/left/post-checkout";
    const first = await push([...leave, hook, "@sleep 4"].join("\n"));
    await buildbot.buildOf("sample-test", first.revision, ({ complete }) => !complete);
    const waiting = [
      await push("@test ! -e left -a ! -e /data/hooked"),
      await push("@test ! -e left -a ! -e /data/hooked && rm -r /data/left /data/.gitconfig"),
    ];
    const builds = [];
    for (const { revision } of [first, ...waiting]) {
      builds.push(await buildbot.buildOf("sample-test", revision));
      expect(builds.at(-1)?.results).toBe(SUCCESS);
    }
    expect(builds.map(({ number }) => number)).toEqual([3, 4, 5]);
  });

  it("looks again at a commit that it could not store", async () => {
    const { stdout } = await execa("docker", ["exec", "--interactive", stack.container("ci-1"), "python3", "-"], {
      inputFile: "test/stack/support/poller.py",
    });
    const { RepositoryPoller, GitPoller } = JSON.parse(stdout) as Record<string, string[][]>;
    // By look: the first commit, two that cannot be stored, the same, one whose message is no text.
    expect(RepositoryPoller).toEqual([["first"], [], ["new branch", "second", "third"], ["no text"]]);
    expect(GitPoller).toEqual([[], [], [], []]);
  });

  it("lets each user do what it may, and nobody else anything", async () => {
    const builds = (await buildbot.builds("sample-test")).length;
    expect(await buildbot.force("sample-test")).toContain("you need to have role");
    expect(await buildbot.pause("ci-worker-1", "dev", passwords.dev)).toContain("you need to have role 'admin'");
    await expect(buildbot.force("sample-test", "dev", "wrong")).rejects.toThrow("dev cannot log in: 401");
    expect(await buildbot.force("sample-test", "dev", passwords.dev)).toBe("");
    await until("it is built", async () => (await buildbot.builds("sample-test")).length === builds + 1);
    expect(await buildbot.force("sample-test", "boss", passwords.boss)).toBe("");
    await until("it is built again", async () => (await buildbot.builds("sample-test"))[0]?.number === builds + 2);
    const knock = await get(`${buildbot.url}/change_hook/poller?poller=sample`, { method: "POST" });
    expect(knock.status).toBe(401);
  });

  it("gives git to its members and nothing else, and only reads to those that run what was pushed", async () => {
    expect(await on("ops-1", "ssh", "ci-git-1", "id")).toMatchObject({ exitCode: 1, all: expect.stringContaining("nothing else") });
    expect((await on("ops-1", "git", "ls-remote", "ssh://git@ci-git-1/other.git")).all).toContain("there is no repository other");
    expect((await on("ops-1", "git", "ls-remote", "ssh://git@ci-git-1/../repositories/sample.git")).all).toContain(
      "there is no repository",
    );
    const clone = "cd /tmp && rm -rf c && git clone --quiet ssh://git@ci-git-1/sample.git c && git -C c push origin HEAD:refs/heads/mine";
    for (const node of ["ci-1", "ci-worker-1"]) {
      const said = await on(node, "sh", "-c", clone);
      expect(said.exitCode, said.all).not.toBe(0);
      expect(said.all).toMatch(/from 10\.164\.0\.2[12] repositories are read only/);
      expect((await on(node, "ssh", "-o", "BatchMode=yes", "ops@10.164.0.51", "-p", "2222", "true")).all).toContain(
        "Host key verification failed",
      );
    }
    expect((await on("ops-1", "sh", "-c", clone)).exitCode).toBe(0);
  });

  it("runs hardened, and shows no secret", async () => {
    const seen = await processesDuring(() => stack.up());
    const containers = await containersOf(stack.label);
    expect(Object.keys(containers).sort()).toEqual(["ci-1", "ci-git-1", "ci-worker-1", "ops-1"]);
    for (const [node, { HostConfig, Config }] of Object.entries(containers)) {
      expect.soft(Config.User, node).toMatch(/^[1-9]\d*:[1-9]\d*$/);
      expect.soft(HostConfig, node).toMatchObject({ ReadonlyRootfs: true, CapDrop: ["ALL"], PidsLimit: 512 });
      const addresses = Object.values(HostConfig.PortBindings ?? {}).flatMap((bindings) => bindings.map(({ HostIp }) => HostIp));
      expect.soft(addresses, node).toEqual(node === "ci-1" ? ["127.0.0.1"] : []);
    }
    const held = (await on("ci-1", "cat", "/etc/buildbot/current/passwords.json")).all;
    const { hook = "", workers } = JSON.parse(held) as { hook?: string; workers: Record<string, string> };
    const places = {
      state: await stack.storedState(),
      inspected: await docker("inspect", ...Object.values(containers).map(({ Id }) => Id)),
      logs: (await on("ci-1", "cat", "/data/twistd.log")).all,
      processes: seen.join("\n"),
    };
    for (const secret of [hook, workers["ci-worker-1"], passwords.boss, passwords.dev]) {
      expect(secret?.length).toBe(32);
      for (const [place, text] of Object.entries(places)) expect.soft(text.includes(secret ?? ""), place).toBe(false);
    }
    // Where they are, and what else these places show, this way of looking does find.
    expect((await on("ci-git-1", "cat", "/etc/git-server/current/listeners/sample")).all).toContain(hook);
    expect(places.state).toContain("ci-1-config");
    expect(places.logs).toContain("job sample-test");
  });
});

describe("a CI server that has built a while", () => {
  it("has nobody left whom nothing waits for", async () => {
    await until("all have ended", async () => {
      for (const node of ["ci-1", "ci-worker-1", "ci-git-1"]) {
        const { all } = await on(node, "sh", "-c", "cat /proc/[0-9]*/stat");
        expect(all).toMatch(/\((tini|sshd)\) S 0 /);
        expect(all, node).not.toMatch(/\) Z /);
      }
      return true;
    });
  });
});

describe("a CI server that is away", () => {
  it("holds no push up, and finds it when it is back", async () => {
    await docker("stop", stack.container("ci-1"));
    const { revision, said, ms } = await push("@true");
    expect(said).toContain("remote: what was pushed is here, but who listens to it was not told");
    expect(ms).toBeLessThan(6000);
    await docker("start", stack.container("ci-1"));
    expect(await buildbot.buildOf("sample-test", revision)).toMatchObject({ results: SUCCESS });
  });

  it("does a build again during which it was killed", async () => {
    const { revision } = await push("@sleep 4");
    await buildbot.buildOf("sample-test", revision, ({ complete }) => !complete);
    await docker("kill", stack.container("ci-1"));
    await docker("start", stack.container("ci-1"));
    const again = await buildbot.buildOf("sample-test", revision, ({ complete, results }) => complete && results !== RETRY);
    expect(again.results).toBe(SUCCESS);
    expect((await buildbot.buildsOf("sample-test", revision)).map(({ results }) => results)).toEqual([SUCCESS, RETRY]);
  });

  it("builds on when a worker was killed", async () => {
    await docker("kill", stack.container("ci-worker-1"));
    const { revision } = await push("@true");
    await docker("start", stack.container("ci-worker-1"));
    expect(await buildbot.buildOf("sample-test", revision)).toMatchObject({ results: SUCCESS });
  });
});

describe("a CI server that changes", () => {
  it("takes another job, another user and another trigger without a new container, and by polling alone takes its interval", async () => {
    const before = await identities();
    const second = { name: "sample-lint", repository: "sample", steps: [{ name: "list", command: ["ls", "-a"] }] };
    settings = { ...settings, push: false, pollSeconds: 5, jobs: [TEST, second], users: [...USERS, { name: "third" }] };
    await stack.up({ ci: settings });
    expect(await identities()).toEqual(before);
    const { third = "" } = (await stack.secretOutputs<{ passwords: Record<string, string> }>()).passwords;
    expect(await buildbot.force("sample-lint", "third", third)).toBe("");
    expect(await stack.preview()).toEqual([]);

    await stack.up({ rotations: { "ci-user-third-password": 1 } });
    const { third: rotated = "" } = (await stack.secretOutputs<{ passwords: Record<string, string> }>()).passwords;
    expect(await buildbot.force("sample-lint", "third", rotated)).toBe("");
    await expect(buildbot.force("sample-lint", "third", third)).rejects.toThrow("third cannot log in: 401");
    expect(await identities()).toEqual(before);

    // From one look to the next, however long it takes to push in between.
    const looks = async () => (await docker("logs", stack.container("ci-1"))).split("gitpoller: processing changes").length;
    const counted = await looks();
    await until("it looks", async () => (await looks()) > counted);
    const looked = performance.now();
    const { revision } = await push("@true");
    // One worker does one of them after the other.
    await Promise.race(["sample-test", "sample-lint"].map((job) => buildbot.buildOf(job, revision, () => true)));
    const waited = performance.now() - looked;
    console.log(`look to build by polling every 5 s: ${Math.round(waited)} ms`);
    expect(waited).toBeGreaterThan(2000);
    for (const job of ["sample-test", "sample-lint"])
      expect(await buildbot.buildOf(job, revision), job).toMatchObject({ results: SUCCESS });
  });

  it("refuses in preview what cannot work, all at once", async () => {
    const wrong = { ...settings, pollSeconds: 0.5, jobs: [TEST, TEST, { ...TEST, name: "other", repository: "absent" }] };
    const said = await stack.refusal({ ci: wrong });
    expect(said).toMatch(/ci\.repositories\[0\]\.pollSeconds: must be whole seconds from 1 to a day.*, got 0\.5/);
    expect(said).toMatch(/ci\.jobs\[1\]\.name: must be its own, but jobs\[0\] has it; rename one of them, got "sample-test"/);
    expect(said).toMatch(/ci\.jobs\[2\]\.repository: must be one of repositories: sample; declare it there, got "absent"/);
    await stack.configure({ ci: settings });
  });

  it("keeps repositories and builds when its containers are made anew", async () => {
    const builds = await buildbot.builds("sample-test");
    await docker("rm", "--force", stack.container("ci-1"), stack.container("ci-git-1"), stack.container("ci-worker-1"));
    await stack.refresh();
    await stack.up();
    expect((await buildbot.builds("sample-test")).map(({ number }) => number)).toEqual(builds.map(({ number }) => number));
    const { revision } = await push("@true");
    expect(await buildbot.buildOf("sample-test", revision)).toMatchObject({ results: SUCCESS });
    expect(await stack.preview()).toEqual([]);
  });
});
