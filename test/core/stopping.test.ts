import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { STOPPING_FUNCTION } from "../../components/core/stopping";

const SCRIPT = `set -u\n${STOPPING_FUNCTION}\nif stopping; then echo stops; else echo leaves; fi`;
/** As on a machine that has no /proc. */
const WITHOUT_PROC = SCRIPT.replaceAll("/proc/", "/no-such-folder/");

const folder = mkdtempSync(join(tmpdir(), "dockyard-stopping-"));
const pulumi = join(folder, "pulumi");

beforeAll(() => {
  const source = join(import.meta.dirname, "support", "stand-in.go");
  const built = spawnSync("go", ["build", "-o", pulumi, source], { encoding: "utf8", env: { ...process.env, CGO_ENABLED: "0" } });
  expect(built.status, built.stderr).toBe(0);
}, 300_000);
afterAll(() => rmSync(folder, { recursive: true }));

/** What a deletion's script says below a program that was called with these words. */
function said(words: readonly string[], { script = SCRIPT, program = pulumi, env = {} }: Partial<Call> = {}): string {
  const { stdout, stderr } = spawnSync(program, words, { encoding: "utf8", env: { ...process.env, ...env, SCRIPT: script } });
  expect(stderr).toBe("");
  return stdout.trim();
}

interface Call {
  readonly script: string;
  readonly program: string;
  readonly env: Readonly<Record<string, string>>;
}

describe.each([
  ["/proc", SCRIPT],
  ["ps", WITHOUT_PROC],
])("a deletion's script that looks by %s", (_, script) => {
  it.each([
    [["destroy"]],
    [["down", "--yes"]],
    [["dn", "-y"]],
    [["-C", "up", "destroy", "--skip-preview"]],
    [["--cwd", "up", "-s", "preview", "destroy"]],
    [["--cwd=up", "-C/up", "destroy"]],
    [["--non-interactive", "-e", "destroy", "--stack", "target", "-m", "keep"]],
    [["-v", "3", "--color", "never", "--logtostderr", "destroy", "--refresh"]],
    [["destroy", "-fyd", "--remove", "--exec-kind", "auto.local"]],
  ])("finds the whole stack stopping by pulumi %j", (words) => {
    expect(said(words, { script })).toBe("stops");
  });

  it.each([
    [["up"]],
    [["up", "--message", "destroy"]],
    [["-s", "destroy", "up"]],
    [["--stack", "destroy", "up", "--yes"]],
    [["-C", "destroy", "up"]],
    [["--cwd", "down", "up"]],
    [["-Q", "up", "destroy"]],
    [["stack", "rm", "destroy"]],
    [["destroy", "--target", "urn:pulumi:dev::shop::any::one"]],
    [["destroy", "--target=urn:pulumi:dev::shop::any::one"]],
    [["destroy", "-t", "urn:pulumi:dev::shop::any::one"]],
    [["destroy", "-yft", "urn:pulumi:dev::shop::any::one"]],
    [["destroy", "--exclude", "urn:pulumi:dev::shop::any::one"]],
    [["destroy", "-yx", "urn:pulumi:dev::shop::any::one"]],
    [["destroy", "--exclude-protected"]],
    [[]],
  ])("finds a node leaving by pulumi %j", (words) => {
    expect(said(words, { script })).toBe("leaves");
  });

  it("takes no other program for Pulumi, and of two the nearer one", () => {
    const other = `${pulumi}-resource-shop`;
    copyFileSync(pulumi, other);
    expect(said(["destroy"], { script, program: other })).toBe("leaves");
    const below = (operation: string) => `SCRIPT='${script.replaceAll("'", `'\\''`)}' ${pulumi} ${operation}`;
    expect(said(["destroy"], { script: below("up") })).toBe("leaves");
    expect(said(["up"], { script: below("destroy") })).toBe("stops");
  });

  it("goes by its environment as well", () => {
    expect(said(["up"], { script, env: { DOCKYARD_STOP: "1" } })).toBe("stops");
    expect(said(["destroy"], { script, env: { PULUMI_OPTION_TARGET: "urn:pulumi:dev::shop::any::one" } })).toBe("leaves");
    expect(said(["destroy"], { script, env: { PULUMI_OPTION_EXCLUDE: "urn:pulumi:dev::shop::any::one" } })).toBe("leaves");
  });
});
