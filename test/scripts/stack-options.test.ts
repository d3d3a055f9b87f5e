import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { parseTarget, takeOption } from "../../scripts/stack";

describe("the stack that a command is about", () => {
  it.each([
    [["--stack", "prod", "--yes"]],
    [["--yes", "--stack=prod"]],
    [["-s", "prod", "--yes"]],
    [["-s=prod", "--yes"]],
    [["-sprod", "--yes"]],
  ])("is told as Pulumi takes it, by %j", (args) => {
    const { target, rest } = parseTarget(args);
    expect([target.stack, target.label, rest]).toEqual(["prod", "dockyard-prod", ["--yes"]]);
  });

  it("is dev where nothing says otherwise, and told once", () => {
    expect(parseTarget(["--skip-preview"])).toMatchObject({ target: { stack: "dev" }, rest: ["--skip-preview"] });
    expect(() => parseTarget(["--stack", "one", "-s", "other"])).toThrow("--stack is given twice; give it once.");
    expect(() => parseTarget(["--yes", "--stack"])).toThrow("--stack must be followed by its value.");
    expect(() => parseTarget(["--cwd", "/nowhere"])).toThrow("/nowhere has no Pulumi.yaml that names a project");
  });

  it.each([
    ["Pulumi.prod.yaml", "shop:consul:\n  servers: 3\n a: b: c\n", "3:1: must be YAML: All mapping items must start at the same column."],
    ["Pulumi.prod.yaml", 'config: { "shop:consul": { "servers": 3 }\n', "2:1: must be YAML: Flow map in block collection"],
    ["Pulumi.yaml", "name: shop\nruntime:\n\tnodejs\n", "3:1: must be YAML: Tabs are not allowed as indentation"],
  ])("has files that are read first: %s", async (file, text, said) => {
    const folder = await mkdtemp(join(tmpdir(), "dockyard-test-options-"));
    onTestFinished(() => rm(folder, { recursive: true }));
    await writeFile(join(folder, "Pulumi.yaml"), "name: shop\nruntime: nodejs\n");
    await writeFile(join(folder, file), text);
    const parse = () => parseTarget(["--cwd", folder, "--stack", "prod"]);
    expect(parse).toThrow(`${join(folder, file)}:${said}`);
    expect(parse).toThrow("Mend it there and run the command again; nothing was done.");
  });
});

describe("an option of a command", () => {
  it("is taken out with its value, and no other that begins like it", () => {
    const args = ["--to-do", "--to", "3", "-t"];
    expect([takeOption(args, ["--to"]), args]).toEqual(["3", ["--to-do", "-t"]]);
    expect([takeOption(args, ["--to"]), args]).toEqual([undefined, ["--to-do", "-t"]]);
  });
});
