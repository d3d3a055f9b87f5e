import { execFileSync } from "node:child_process";
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { afterRollback } from "../../../scripts/deployments/after";
import { historyFolder, noteDeployment, readHistory, takeNumber } from "../../../scripts/deployments/history";
import { beginDeployment, isChangedSince } from "../../../scripts/deployments/record";
import { PROJECT_ROOT } from "../../../scripts/setup/paths";
import { Target, exportedStack } from "../../../scripts/stack";
import { deployed } from "./deployed";

vi.mock("../../../scripts/stack", async (actual) => ({
  ...(await actual<typeof import("../../../scripts/stack")>()),
  exportedStack: vi.fn(),
}));

let root: string;
let backend: string;
let target: Target;
beforeEach(() => {
  [root, backend] = ["program", "backend"].map((name) => realpathSync(mkdtempSync(join(tmpdir(), `dockyard-${name}-`)))) as [
    string,
    string,
  ];
  vi.mocked(exportedStack).mockReset().mockResolvedValue(undefined);
  vi.stubEnv("PULUMI_BACKEND_URL", `file://${backend}?metadata=skip`);
  target = { stack: "dev", cwd: root, checkout: root, project: "shop", label: "unit-record-dev" };
  write("Pulumi.yaml", "name: shop\n");
  write("Pulumi.dev.yaml", "config: { shop:a: 1 }\n");
});
afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  for (const folder of [root, backend]) rmSync(folder, { recursive: true });
  // Dockyard's own revision is kept in its repository, where it is in one.
  for (const ref of refs(PROJECT_ROOT)) git(PROJECT_ROOT, "update-ref", "-d", ref);
});

function git(folder: string, ...args: string[]): string {
  const author = ["-c", "user.name=test", "-c", "user.email=test@localhost"];
  return execFileSync("git", ["-C", folder, ...author, ...args], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim();
}

function refs(folder: string): string[] {
  try {
    const names = git(folder, "for-each-ref", "--format=%(refname)", "refs/dockyard/").split("\n");
    return names.filter((name) => name.startsWith("refs/dockyard/unit-record-dev-"));
  } catch {
    return [];
  }
}

function write(file: string, text: string): void {
  writeFileSync(join(root, file), text);
}

function commit(): string {
  git(root, "init", "--quiet");
  git(root, "add", "--all");
  git(root, "commit", "--quiet", "--allow-empty", "--message", "change");
  return git(root, "rev-parse", "HEAD");
}

const history = () => readHistory(historyFolder(target));

describe("the note of a deployment", () => {
  it("is made before it runs, and has its end behind it", async () => {
    const revision = commit();
    const { end } = await beginDeployment(target, ["-c", "b=2"]);
    expect(history()).toMatchObject([
      { number: 1, program: { revision, commit: revision, folder: "." }, options: ["-c", "b=2"], configuration: "config: { shop:a: 1 }\n" },
    ]);
    expect(history()[0]?.result).toBeUndefined();
    await end("failed");
    expect(history()[0]?.result).toBe("failed");
    expect(git(root, "rev-parse", refs(root)[0] ?? "")).toBe(revision);
  });

  it("lies beside the state, for each backend and stack apart", () => {
    expect(historyFolder(target)).toBe(join(backend, ".dockyard", "shop", "dev"));
    const first = historyFolder({ ...target, stack: "prod" });
    vi.stubEnv("PULUMI_BACKEND_URL", "s3://a");
    const second = historyFolder(target);
    vi.stubEnv("PULUMI_BACKEND_URL", "s3://b");
    expect(new Set([first, second, historyFolder(target)]).size).toBe(3);
  });

  it.each([
    ["another file of configuration", ["--config-file", "other.yaml", "-c", "b=2"], ["-c", "b=2"]],
    ["the same, joined", ["-cb=2", "--config-file=other.yaml"], ["-cb=2"]],
  ])("has the text of %s", async (_, given, options) => {
    write("other.yaml", "config: { shop:a: 2 }\n");
    const { deployment } = await beginDeployment(target, given);
    expect(deployment).toMatchObject({ options, configuration: "config: { shop:a: 2 }\n" });
  });

  it("has only the configuration where git knows nothing of the program, and none where there is none", async () => {
    expect((await beginDeployment(target, [])).deployment.program).toBeUndefined();
    rmSync(join(root, "Pulumi.dev.yaml"));
    expect((await beginDeployment(target, [])).deployment.configuration).toBe("");
  });

  it("does not hold up what is to be brought up where git fails", async () => {
    commit();
    write(".git/index", "spoilt");
    const warn = vi.spyOn(console, "warn").mockReturnValue();
    expect((await beginDeployment(target, [])).deployment.program).toBeUndefined();
    expect(warn).toHaveBeenCalledWith(expect.stringContaining("only the configuration of this deployment can be gone back to"));
  });

  it("has the inputs of the deployment that it goes back to, and keeps them itself", async () => {
    const revision = commit();
    await (await beginDeployment(target, ["-c", "b=2"])).end("succeeded");
    write("index.ts", "2");
    commit();
    write("Pulumi.dev.yaml", "config: { shop:a: 2 }\n");
    await (await beginDeployment(target, [])).end("succeeded");
    const [first] = history();
    await (await beginDeployment(target, [], first)).end("succeeded");
    const third = history()[2];
    expect(third).toMatchObject({
      rollbackTo: 1,
      program: { commit: revision },
      options: ["-c", "b=2"],
      configuration: first?.configuration,
    });
    expect(git(root, "rev-parse", third?.program?.ref ?? "")).toBe(revision);
    expect((await beginDeployment(target, [], third)).deployment.rollbackTo).toBe(1);
  });

  it("says of a repository inside of the program's that its files are not recorded", async () => {
    git(root, "init", "--quiet", "inner");
    git(join(root, "inner"), "commit", "--quiet", "--allow-empty", "--message", "first");
    commit();
    const warn = vi.spyOn(console, "warn").mockReturnValue();
    await beginDeployment(target, []);
    expect(warn).toHaveBeenCalledExactlyOnceWith(expect.stringContaining(`${join(root, "inner")} is a repository of its own`));
  });

  it("tells whether the stack was changed past it, and is believed where that cannot be told", async () => {
    const stateOf = (time: string) => vi.mocked(exportedStack).mockResolvedValue(JSON.stringify({ deployment: { manifest: { time } } }));
    stateOf("2026-01-01T12:00:00.5Z");
    await (await beginDeployment(target, [])).end("succeeded");
    const latest = history()[0];
    expect(latest?.state).toBe("2026-01-01T12:00:00.5Z");
    expect(await isChangedSince(target, latest)).toBe(false);
    stateOf("2026-01-01T13:00:01+01:00");
    expect(await isChangedSince(target, latest)).toBe(true);
    vi.mocked(exportedStack).mockRejectedValue(new Error("cut"));
    expect(await isChangedSince(target, latest)).toBe(false);
    expect(await isChangedSince(target, deployed(1))).toBe(false);
    expect(await isChangedSince(target, undefined)).toBe(false);
  });

  it("goes with its refs where there are too many", async () => {
    const revision = commit();
    const folder = historyFolder(target);
    for (let number = 1; number <= 50; number++) {
      const ref = `refs/dockyard/unit-record-dev-x/${number}`;
      if (number < 3) git(root, "update-ref", ref, revision);
      takeNumber(folder);
      noteDeployment(
        folder,
        deployed(number, { configuration: `${number}`, program: { revision, commit: revision, tree: "t", folder: ".", ref } }),
      );
    }
    await (await beginDeployment(target, [])).end("succeeded");
    expect(history().map(({ number }) => number)).toEqual(Array.from({ length: 50 }, (_, index) => index + 2));
    expect(new Set(refs(root).map((ref) => ref.split("/").pop()))).toEqual(new Set(["2", "51"]));
  });
});

describe("what is left to do after a rollback", () => {
  async function noted() {
    await (await beginDeployment(target, [])).end("succeeded");
    return history().at(-1) ?? deployed(0);
  }

  it("is nothing where the working tree has the same inputs", async () => {
    commit();
    expect(await afterRollback(target, await noted())).toBe(
      "The working tree holds the same inputs: the next `npm run up` changes nothing.",
    );
  });

  it("is to go to the earlier revision, or to make one that undoes what came after", async () => {
    const revision = commit();
    const deployment = await noted();
    write("index.ts", "2");
    commit();
    const said = await afterRollback(target, deployment);
    expect(said).toContain("the next `npm run up` would bring those again");
    expect(said).toContain(`git -C ${root} revert --no-edit ${revision.slice(0, 12)}..HEAD`);
    expect(said).toContain(`git -C ${root} checkout ${revision.slice(0, 12)}`);
    git(root, "checkout", "--quiet", revision);
    expect(await afterRollback(target, deployment)).toMatch(/^The working tree holds the same inputs/);
  });

  it("is to put aside what is not committed", async () => {
    commit();
    const deployment = await noted();
    write("index.ts", "2");
    expect(await afterRollback(target, deployment)).toContain(`git -C ${root} stash --include-untracked`);
    git(root, "stash", "--include-untracked", "--quiet");
    expect(await afterRollback(target, deployment)).toMatch(/^The working tree holds the same inputs/);
  });

  it("is to restore what was never committed", async () => {
    commit();
    write("index.ts", "uncommitted");
    const deployment = await noted();
    write("index.ts", "2");
    commit();
    const command = /git -C (\S+) restore --source=(\w+) -- \./.exec(await afterRollback(target, deployment));
    git(root, "restore", `--source=${command?.[2]}`, "--", ".");
    expect(await afterRollback(target, deployment)).toMatch(/^The working tree holds the same inputs/);
  });

  it("shows the options of that time without their values, which may be secret", async () => {
    const options = ["-c", "shop:token=hidden", "--config=shop:token=hidden\nhidden", "-cshop:token=hidden", "--config-path"];
    await (await beginDeployment(target, options)).end("succeeded");
    const said = await afterRollback(target, history()[0] ?? deployed(0));
    expect(said).toContain("npm run up -- -c 'shop:token=…' '--config=shop:token=…' '-cshop:token=…' --config-path    # with");
    expect(said).not.toContain("hidden");
  });

  it("is to put the earlier configuration in its place", async () => {
    const deployment = await noted();
    write("Pulumi.dev.yaml", "config: { shop:a: 2 }\n");
    expect(await afterRollback(target, deployment)).toContain(join("dev", "1", "configuration.yaml"));
  });
});
