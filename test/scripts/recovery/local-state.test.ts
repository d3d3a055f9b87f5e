import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { holdOf, releaseHold } from "../../../scripts/recovery/local-state";
import type { Target } from "../../../scripts/stack";

const [STEP, RUN] = ['{"of":"the step before"}', '{"of":"the run before"}'];

let folder: string;
let target: Target;
let state: string;
const said = vi.spyOn(console, "log");

/** A file of the backend, by its path below its folder. */
const inBackend = (...path: string[]) => join(folder, ".pulumi", ...path);

beforeEach(async () => {
  said.mockReset().mockImplementation(() => undefined);
  folder = await mkdtemp(join(tmpdir(), "dockyard-test-state-"));
  vi.stubEnv("PULUMI_BACKEND_URL", `file://${folder}`);
  target = { stack: "dev", cwd: folder, checkout: folder, project: "shop", label: "shop-dev" };
  for (const kind of ["stacks/shop", "backups/shop/dev", "history/shop/dev", "locks/organization/shop/dev"])
    await mkdir(inBackend(kind), { recursive: true });
  state = inBackend("stacks", "shop", "dev.json");
  await writeFile(state, '{"of":"the last step"}');
  await writeFile(`${state}.bak`, STEP);
  await writeFile(inBackend("history", "shop", "dev", "dev-1.checkpoint.json"), '{"of":"an older run"}');
  await writeFile(inBackend("history", "shop", "dev", "dev-2.checkpoint.json"), RUN);
  await writeFile(inBackend("history", "shop", "dev", "dev-2.history.json"), '{"of":"what the run was"}');
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

describe("a state that its run was killed in writing", () => {
  it("is taken back to the step before, of which a copy lies beside it", async () => {
    await writeFile(state, "");
    expect(await holdOf(target)).toBe("cut");
    expect(releaseHold(target)).toEqual({ began: undefined });
    expect(await readFile(state, "utf8")).toBe(STEP);
    expect(said.mock.calls).toEqual([["The last run was killed while it wrote the state; going on from the step before."]]);
    expect(await holdOf(target)).toBe("free");
  });

  it("is taken back to the run before, where that copy is cut as well", async () => {
    await writeFile(state, "{");
    await writeFile(`${state}.bak`, "{");
    releaseHold(target);
    expect(await readFile(state, "utf8")).toBe(RUN);
  });

  it("is begun anew where there is nothing else", async () => {
    await rm(inBackend("history"), { recursive: true });
    await rm(`${state}.bak`);
    await writeFile(state, "");
    releaseHold(target);
    expect(existsSync(state)).toBe(false);
  });

  it("is whole where only its attributes are cut, which are taken away", async () => {
    await writeFile(`${state}.attrs`, "");
    expect(await holdOf(target)).toBe("cut");
    expect(releaseHold(target)).toBeUndefined();
    expect([existsSync(`${state}.attrs`), await readFile(state, "utf8")]).toEqual([false, '{"of":"the last step"}']);
  });
});

describe("a lock", () => {
  const lockOf = (pid: number, host = hostname()) => JSON.stringify({ pid, hostname: host, timestamp: "2026-01-02T03:04:05.678Z" });
  const lock = () => inBackend("locks", "organization", "shop", "dev", "1.json");

  it("of a dead run is lifted, and says when that began whose state was cut", async () => {
    await writeFile(lock(), lockOf(2 ** 30));
    await writeFile(state, "");
    expect(releaseHold(target)).toEqual({ began: Date.parse("2026-01-02T03:04:05Z") });
    expect(existsSync(lock())).toBe(false);
  });

  it("of another host, or one that cannot be read, holds the stack", async () => {
    for (const text of [lockOf(2 ** 30, "elsewhere"), "{"]) {
      await writeFile(lock(), text);
      expect(await holdOf(target)).toBe("held");
      releaseHold(target);
      expect(existsSync(lock())).toBe(true);
    }
  });
});
