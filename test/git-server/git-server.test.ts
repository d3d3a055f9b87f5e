import * as pulumi from "@pulumi/pulumi";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, describe, expect, it } from "vitest";
import { describeGitServer, normalizeGitServerArgs } from "../../components/git-server/args";
import { gitScripts, renderListeners, renderReaders, renderRepositories } from "../../components/git-server/git-files";
import { GitServer } from "../../components/git-server/git-server";
import { SshKeyMesh } from "../../components/ssh-key-mesh/ssh-key-mesh";
import { emptyNetwork, recordResources, settled } from "../mocks";

const registered = recordResources();
const network = emptyNetwork({ git: "10.89.0.226", bad: "10.89.0.230" });
const node = GitServer.describe("git", { network });
const mesh = new SshKeyMesh("mesh", { nodes: [node] });
const member = mesh.member("git-1");
const host = network.placement.hosts[0];
const reader = { name: "ci-1", host, address: "10.89.0.221", image: "ci:1", user: "1000:1000" };

describe("a git server's arguments", () => {
  it("are one node of the mesh, that logs in nowhere", () => {
    expect(node).toMatchObject({
      name: "git-1",
      address: "10.89.0.226",
      port: 2222,
      user: "2223:2223",
      login: "git",
      logsInTo: [],
      forcedCommand: "/bin/sh /etc/git-server/current/session",
    });
    expect(GitServer.urlOf(node, "shop")).toBe("ssh://git@git-1/shop.git");
    expect(() => describeGitServer("Git", { network: emptyNetwork({ Git: "10.89.0.9" }) })).toThrow(/Git\.name: must be lower-case/);
  });

  it("are refused all at once, each with what to do", () => {
    const repositories = [{ name: "a" }, { name: "a" }, { name: "../b" }, { name: "c.git" }, { name: "d", branch: "x..y" }];
    const listeners = [{ repository: "absent", url: pulumi.secret("http://x") }];
    expect(() => normalizeGitServerArgs("git", { network, member, repositories, listeners, memoryMiB: 32 })).toThrow(
      new RegExp(
        [
          /git\.memoryMiB: must be 64 or more.*, got 32/,
          /git\.repositories\[1\]\.name: must be its own; .*, got "a"/,
          /git\.repositories\[2\]\.name: .*, got "\.\.\/b"/,
          /git\.repositories\[3\]\.name: .* not end in \.git, got "c\.git"/,
          /git\.repositories\[4\]\.branch: must be the name of a branch.*, got "x\.\.y"/,
          /git\.listeners\[0\]\.repository: must be a repository of the server: a, a, .*, got "absent"/,
        ]
          .map(({ source }) => source)
          .join("\\n"),
      ),
    );
    const misspelt = { network, member, repositories: [], reader: [] };
    expect(() => normalizeGitServerArgs("git", misspelt as never)).toThrow(/git\.reader: is not known; there are network/);
  });
});

describe("a git server's files", () => {
  it("are lines that its scripts read", () => {
    expect(
      renderRepositories([
        { name: "shop", branch: "main" },
        { name: "old", branch: "master" },
      ]),
    ).toBe("shop main\nold master\n");
    expect(renderReaders(["10.0.0.1", "10.0.0.2", "10.0.0.1"])).toBe("10.0.0.1\n10.0.0.2\n");
    expect(renderListeners(["http://hook:x@a:1/", 'http://b/"'])).toBe(
      [
        'parallel\nparallel-immediate\nno-progress-meter\nrequest = POST\nfail\nsilent\nshow-error\nnoproxy = "*"\nmax-time = 2\nurl = "http://hook:x@a:1/"',
        'next\nrequest = POST\nfail\nsilent\nshow-error\nnoproxy = "*"\nmax-time = 2\nurl = "http://b/\\""\n',
      ].join("\n"),
    );
  });

  it("are on its own volume, the listeners for itself alone", async () => {
    new GitServer("git", {
      network,
      member,
      repositories: [{ name: "shop" }, { name: "quiet" }],
      readers: [reader],
      listeners: [{ repository: "shop", url: pulumi.secret("http://hook:token@10.89.0.221:8010/") }],
    });
    await settled(registered);
    const find = (name: string, type: string) => registered.find((each) => each.name === name && each.type.endsWith(type))?.inputs ?? {};
    expect(find("git-1", "Container")).toMatchObject({
      command: ["/bin/sh", "/etc/git-server/current/start", "/usr/sbin/sshd", "-D", "-e", "-f", "/etc/ssh/mesh/current/sshd_config"],
      user: "2223:2223",
      readOnly: true,
      volumes: [
        { volumeName: "dockyard-unit-git-1-ssh", containerPath: "/etc/ssh/mesh", readOnly: true },
        { volumeName: "dockyard-unit-git-1-data", containerPath: "/repositories" },
        { volumeName: "dockyard-unit-git-1-config", containerPath: "/etc/git-server", readOnly: true },
      ],
    });
    const { stdin, create } = find("git-1-config", "Command") as { stdin: { value: string }; create: string };
    expect(create).not.toContain("token");
    expect(stdin.value).toContain("listeners/shop");
    expect(stdin.value).not.toContain("listeners/quiet");
    expect(stdin.value).toMatch(/chmod 0400 \S*listeners\/shop/);
    expect(stdin.value).toContain("10.89.0.221\n");
  });
});

describe("a push to a git server", () => {
  const folder = mkdtempSync(join(tmpdir(), "dockyard-hook-"));
  const script = gitScripts().find(({ path }) => path === "hooks/post-receive")?.content ?? "";
  const told: string[] = [];
  const listener = createServer(({ url = "", method }, response) => {
    told.push(`${method} ${url}`);
    if (url !== "/silent") response.writeHead(url === "/refuses" ? 401 : 200).end("heard");
  });
  mkdirSync(join(folder, "listeners"));
  mkdirSync(join(folder, "shop.git"));

  afterAll(() => listener.close().closeAllConnections());

  /** What whoever pushes is told. */
  const push = async (...paths: string[]) => {
    if (!listener.listening) await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
    const { port } = listener.address() as AddressInfo;
    writeFileSync(join(folder, "listeners/shop"), renderListeners(paths.map((path) => `http://127.0.0.1:${port}${path}`)));
    told.length = 0;
    const { all, exitCode } = await execa("sh", ["-s"], {
      input: script.replaceAll("/etc/git-server/current", folder),
      cwd: join(folder, "shop.git"),
      env: { http_proxy: "http://127.0.0.1:1" },
      all: true,
      reject: false,
    });
    expect(exitCode).toBe(0);
    expect([...told].sort()).toEqual(paths.map((path) => `POST ${path}`).sort());
    return all;
  };

  it("tells all who listen, past any proxy, and says nothing of it", async () => {
    expect(await push("/one")).toBe("");
    expect(await push("/one", "/two")).toBe("");
  });

  it("says so when one of them was not told, whichever it is", async () => {
    for (const paths of [["/refuses"], ["/one", "/refuses"], ["/refuses", "/one"]])
      expect(await push(...paths), paths.join()).toMatch(/^what was pushed is here, but who listens to it was not told: .*401$/);
    const began = performance.now();
    expect(await push("/silent", "/one", "/silent")).toContain("was not told");
    expect(performance.now() - began).toBeLessThan(4000);
  });
});

describe("a login to a git server", () => {
  const folder = mkdtempSync(join(tmpdir(), "dockyard-git-"));
  const script = gitScripts().find(({ path }) => path === "session")?.content ?? "";
  mkdirSync(join(folder, "bin"));
  for (const command of ["git-upload-pack", "git-receive-pack"])
    writeFileSync(join(folder, "bin", command), `#!/bin/sh\necho ${command} "$@" $GIT_CONFIG_VALUE_0\n`, { mode: 0o755 });
  writeFileSync(join(folder, "repositories"), "shop main\nno.dots main\n\n");
  writeFileSync(join(folder, "readers"), "10.0.0.9\n");
  const session = (asked: string, from = "10.0.0.1") =>
    execa("sh", ["-s"], {
      input: script.replace("/etc/git-server/current", folder),
      env: { SSH_ORIGINAL_COMMAND: asked, SSH_CONNECTION: `${from} 5 10.0.0.2 2222`, PATH: `${join(folder, "bin")}:${process.env.PATH}` },
      all: true,
      reject: false,
    });

  it("runs git on a declared repository", async () => {
    expect((await session("git-upload-pack '/shop.git'")).all).toBe(`git-upload-pack /repositories/shop.git ${folder}/hooks`);
    expect((await session("git-upload-pack 'shop'")).all).toContain("/repositories/shop.git");
    expect((await session("git-receive-pack '/shop.git'")).all).toContain("git-receive-pack /repositories/shop.git");
    expect((await session("git-upload-pack '/shop.git'", "10.0.0.9")).exitCode).toBe(0);
    expect(await session("true")).toMatchObject({ exitCode: 0, all: "" });
  });

  it("runs nothing else", async () => {
    for (const asked of [
      "",
      "id",
      "git-upload-archive '/shop.git'",
      "sh -c 'git-upload-pack /shop.git'",
      "true; id",
      "git-upload-pack 'shop\nabsent'",
      "true\n",
    ])
      expect(await session(asked), asked).toMatchObject({ exitCode: 1, all: expect.stringContaining("nothing else") });
    for (const path of ["/../shop.git", "/absent.git", "/shop.git; id", "/noxdots.git", "", "/shop.git' '--help"])
      expect(await session(`git-upload-pack '${path}'`), path).toMatchObject({
        exitCode: 1,
        all: expect.stringContaining("no repository"),
      });
    expect(await session("git-receive-pack '/shop.git'", "10.0.0.9")).toMatchObject({
      exitCode: 1,
      all: expect.stringContaining("read only"),
    });
  });
});
