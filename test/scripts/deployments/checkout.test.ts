import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { layOut, withoutDataLoss } from "../../../scripts/deployments/checkout";
import { deployed } from "./deployed";

describe("the options of an earlier deployment", () => {
  it.each([
    [["-c", 'shop:allowDataLoss=["a"]'], []],
    [
      ["--config", "allowDataLoss=[]", "-c", "a=1"],
      ["-c", "a=1"],
    ],
    [["--config=allowDataLoss=x", "-cshop:allowDataLoss=x", "-ca=1"], ["-ca=1"]],
    [
      ["--config-path", "-c", "shop:allowDataLoss[0]=x", "-c", "shop:a[0]=x"],
      ["--config-path", "-c", "shop:a[0]=x"],
    ],
    [
      ["-c", "note=allowDataLoss"],
      ["-c", "note=allowDataLoss"],
    ],
  ])("%j are without what names data that may be deleted", (given, kept) => {
    expect(withoutDataLoss(given)).toEqual(kept);
  });
});

describe("the tree of an earlier deployment", () => {
  let [checkout, folder] = ["", ""];
  beforeEach(() => {
    [checkout, folder] = ["program", "earlier"].map((name) => realpathSync(mkdtempSync(join(tmpdir(), `dockyard-${name}-`)))) as [
      string,
      string,
    ];
    git(checkout, "init", "--quiet");
  });
  afterEach(() => {
    for (const each of [checkout, folder]) rmSync(each, { recursive: true });
  });

  function git(root: string, ...args: string[]): string {
    const author = ["-c", "user.name=test", "-c", "user.email=test@localhost"];
    return execFileSync("git", ["-C", root, ...author, ...args], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();
  }

  function commit(files: Record<string, string>): string {
    for (const [file, text] of Object.entries(files)) writeFileSync(join(checkout, file), text);
    git(checkout, "add", "--all");
    git(checkout, "commit", "--quiet", "--allow-empty", "--message", "change");
    return git(checkout, "rev-parse", "HEAD");
  }

  function laidOut(revision: string) {
    const target = { stack: "dev", cwd: checkout, checkout, project: "shop", label: "shop-dev" };
    const program = { commit: revision, revision, tree: revision, folder: ".", ref: "refs/dockyard/shop/7" };
    return layOut(target, deployed(7, { program }), folder);
  }

  it.each([
    ["no lock file", {}, true],
    ["the same lock file", { "yarn.lock": "1" }, false],
  ])("has today's packages where it has %s, and says so where they may be others", async (_, files, isSaid) => {
    const { notes } = await laidOut(commit(files));
    expect(notes.includes("Its packages are those of today: there was no package-lock.json.")).toBe(isSaid);
  });

  it.each(["pnpm-lock.yaml", "yarn.lock"])("is refused where its %s is not that of today", async (lock) => {
    const earlier = commit({ [lock]: "1" });
    commit({ [lock]: "2" });
    await expect(laidOut(earlier)).rejects.toThrow(`only npm's can be installed for it: its ${lock} is another one`);
  });

  it("is refused where it lacks the files of a repository inside of it", async () => {
    git(checkout, "init", "--quiet", "inner");
    git(join(checkout, "inner"), "commit", "--quiet", "--allow-empty", "--message", "first");
    await expect(laidOut(commit({}))).rejects.toThrow(
      `Deployment 7 cannot be gone back to: ${join(checkout, "inner")} is a repository inside of the program's, of which it holds no files.`,
    );
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe("the program of an earlier deployment", () => {
  const commit = "1234567890".repeat(4);
  const deployment = deployed(7, { program: { commit, revision: commit, tree: commit, folder: ".", ref: "refs/dockyard/shop/7" } });

  it.each([
    ["a repository that no longer has it", (folder: string) => execFileSync("git", ["-C", folder, "init", "--quiet"])],
    ["a folder that is no longer in a repository", () => undefined],
  ])("is refused from %s, with what to do", async (_, prepare) => {
    const [checkout, folder] = [mkdtempSync(join(tmpdir(), "dockyard-lost-")), mkdtempSync(join(tmpdir(), "dockyard-lost-"))];
    try {
      prepare(checkout);
      const target = { stack: "dev", cwd: checkout, checkout, project: "shop", label: "shop-dev" };
      const said = await layOut(target, deployment, folder).then(() => "it was laid out", String);
      expect(said).toContain(`Deployment 7 cannot be gone back to: git in ${checkout} no longer has ${commit}. Fetch it from a clone`);
      expect(readdirSync(folder)).toEqual([]);
    } finally {
      for (const each of [checkout, folder]) rmSync(each, { recursive: true });
    }
  });
});
