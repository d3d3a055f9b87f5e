import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
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
