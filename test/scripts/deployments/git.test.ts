import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { checkOut, forgetCommit, has, isBefore, keepCommit, placeOf, takeSnapshot } from "../../../scripts/deployments/git";

let root: string;
let elsewhere: string;
beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "dockyard-git-")));
  elsewhere = realpathSync(mkdtempSync(join(tmpdir(), "dockyard-elsewhere-")));
  git("init", "--quiet");
});
afterEach(() => {
  for (const folder of [root, elsewhere]) rmSync(folder, { recursive: true });
});

function git(...args: string[]): string {
  const author = ["-c", "user.name=test", "-c", "user.email=test@localhost"];
  return execFileSync("git", ["-C", root, ...author, ...args], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();
}

function write(files: Record<string, string>): void {
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, file)), { recursive: true });
    writeFileSync(join(root, file), text);
  }
}

function commit(files: Record<string, string>): string {
  write(files);
  git("add", "--all");
  git("commit", "--quiet", "--message", "change");
  return git("rev-parse", "HEAD");
}

/** All that a user could miss: what is staged, what is not, where the branch is, what is stashed. */
function ofUser(): string[] {
  return [["status", "--short"], ["diff", "--cached"], ["diff"], ["rev-parse", "HEAD"], ["branch", "--all"], ["stash", "list"]].map(
    (args) => git(...args),
  );
}

const read = (file: string) => readFileSync(join(elsewhere, file), "utf8");

describe("a snapshot", () => {
  it("of a clean working tree is its revision", async () => {
    const revision = commit({ "index.ts": "1" });
    expect(await takeSnapshot({ root, folder: "." })).toEqual({
      revision,
      commit: revision,
      tree: git("rev-parse", "HEAD^{tree}"),
      folder: ".",
    });
  });

  it("holds what is changed, staged, new and deleted, not what is ignored, and leaves all of it as it is", async () => {
    const revision = commit({
      ".gitignore": "*.log\nnode_modules\n",
      "index.ts": "1",
      "a/staged.ts": "1",
      "gone.ts": "1",
      "stays.ts": "1",
    });
    write({ "a/staged.ts": "2" });
    git("add", "a/staged.ts");
    write({
      "index.ts": "2",
      "a/staged.ts": "3",
      "new/file with space.ts": "new",
      "run.log": "ignored",
      "node_modules/x/index.js": "ignored",
    });
    rmSync(join(root, "gone.ts"));
    const before = ofUser();
    const snapshot = await takeSnapshot({ root, folder: "." });
    expect(ofUser()).toEqual(before);
    expect(snapshot).toMatchObject({ revision });
    expect(snapshot?.commit).not.toBe(revision);
    expect(git("rev-parse", `${snapshot?.commit}^`)).toBe(revision);
    expect(git("ls-tree", "-r", "--name-only", snapshot?.commit ?? "").split("\n")).toEqual([
      ".gitignore",
      "a/staged.ts",
      "index.ts",
      "new/file with space.ts",
      "stays.ts",
    ]);
    await checkOut(root, snapshot?.commit ?? "", elsewhere);
    expect(["index.ts", "a/staged.ts", "new/file with space.ts", "stays.ts"].map(read)).toEqual(["2", "3", "new", "1"]);
    expect(ofUser()).toEqual(before);
  });

  it("is the same tree for the same files, whether or not they are committed by then", async () => {
    commit({ "index.ts": "1" });
    write({ "index.ts": "2" });
    const before = await takeSnapshot({ root, folder: "." });
    commit({});
    expect((await takeSnapshot({ root, folder: "." }))?.tree).toBe(before?.tree);
  });

  it("sees a change of the second in which git looked last, that leaves the file as large as it was", async () => {
    const touch = (file: string) => utimesSync(join(root, file), 1_700_000_000, 1_700_000_000);
    // By this time git would see it all the same, and a test cannot set it.
    git("config", "core.trustctime", "false");
    write({ "index.ts": "1" });
    touch("index.ts");
    const revision = commit({});
    touch(".git/index");
    write({ "index.ts": "2" });
    touch("index.ts");
    expect((await takeSnapshot({ root, folder: "." }))?.commit).not.toBe(revision);
  });

  it("leaves out the configurations of stacks, which are noted apart", async () => {
    const revision = commit({ "a/Pulumi.dev.yaml": "config: {}\n", "a/Pulumi.yaml": "name: a\n" });
    write({ "a/Pulumi.dev.yaml": "encryptionsalt: x\n", "a/Pulumi.prod.yaml": "new" });
    expect((await takeSnapshot({ root, folder: "a" }))?.commit).toBe(revision);
    write({ "a/Pulumi.yaml": "name: b\n" });
    expect((await takeSnapshot({ root, folder: "a" }))?.commit).not.toBe(revision);
  });

  it("can be had before the first revision, and without a name for the author", async () => {
    write({ "index.ts": "1" });
    const snapshot = await takeSnapshot({ root, folder: "." });
    expect(snapshot?.revision).toBeUndefined();
    await checkOut(root, snapshot?.commit ?? "", elsewhere);
    expect(read("index.ts")).toBe("1");
  });

  it("is none of a folder that git ignores", async () => {
    commit({ ".gitignore": "out\n", "a/index.ts": "1", "out/index.ts": "1" });
    expect(await takeSnapshot({ root, folder: "out" })).toBeUndefined();
    expect(await takeSnapshot({ root, folder: "a" })).toBeDefined();
  });

  it("outlives git's clearing away while a ref keeps it, and not without", async () => {
    commit({ "index.ts": "1" });
    write({ "index.ts": "2" });
    const [kept = "", lost = ""] = [(await takeSnapshot({ root, folder: "." }))?.commit, git("commit-tree", "HEAD^{tree}", "-m", "lost")];
    await keepCommit(root, "refs/dockyard/dev/1", kept);
    git("gc", "--quiet", "--prune=now");
    expect([await has(root, kept), await has(root, lost)]).toEqual([true, false]);
    await forgetCommit(root, "refs/dockyard/dev/1");
    await forgetCommit(root, "refs/dockyard/dev/1");
    git("gc", "--quiet", "--prune=now");
    expect(await has(root, kept)).toBe(false);
    // Two collections of garbage take seconds on a machine that does other things.
  }, 60_000);
});

describe("the place of a folder", () => {
  it("is its repository and the path in it", async () => {
    commit({ "stacks/shop/index.ts": "1" });
    expect(await placeOf(root)).toEqual({ root, folder: "." });
    expect(await placeOf(join(root, "stacks", "shop"))).toEqual({ root, folder: "stacks/shop" });
  });

  it("is none outside of a repository", async () => {
    expect(await placeOf(elsewhere)).toBeUndefined();
  });

  it("is that of the folder also in a hook of another repository", async () => {
    process.env.GIT_DIR = join(elsewhere, ".git");
    try {
      expect(await placeOf(root)).toEqual({ root, folder: "." });
    } finally {
      delete process.env.GIT_DIR;
    }
  });
});

it("knows which revision comes before another", async () => {
  const [first, second] = [commit({ "index.ts": "1" }), commit({ "index.ts": "2" })];
  expect([await isBefore(root, first, second), await isBefore(root, second, first)]).toEqual([true, false]);
});
