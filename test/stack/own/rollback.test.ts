import { mkdir, mkdtemp, readFile, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { containersOf, volumeIdentities } from "../support/engine";
import { get, underLoad } from "../support/load";
import { TestStack, freePorts } from "../support/test-stack";

const PROJECT_ROOT = join(import.meta.dirname, "..", "..", "..");
const PROGRAM = "test/stack/programs/rollback";

let stack: TestStack;
let temporary: string;
let gateway: string;
let consul: string;
/** An instance itself, past the gateway. */
const instance = "http://10.169.0.41:8000/goods/1";

/** The program as one of its own, in a repository of its own that takes Dockyard as a package. */
beforeAll(async () => {
  const port = await freePorts(3);
  [gateway, consul] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${port + 2}`];
  temporary = await mkdtemp(join(tmpdir(), "test-rollback-"));
  stack = await TestStack.create(
    "test-rollback",
    { port, instances: 2, allowDataLoss: ["dockyard-test-rollback-goods-3-data"] },
    `${PROGRAM}/program.cjs`,
  );
  for (const file of ["index.ts", "program.cjs"]) {
    const text = await readFile(join(PROJECT_ROOT, PROGRAM, file), "utf8");
    await write(file, text.replace("../../../../components", "dockyard").replace("../../../..", "dockyard"));
  }
  await write("Pulumi.yaml", "name: dockyard\nruntime: { name: nodejs, options: { typescript: false } }\nmain: program.cjs\n");
  await write(".gitignore", "node_modules\nPulumi.*.yaml\n");
  const packages = join(stack.folder, "node_modules");
  await mkdir(join(packages, "@pulumi"), { recursive: true });
  await symlink(relative(packages, PROJECT_ROOT), join(packages, "dockyard"));
  await symlink(join(PROJECT_ROOT, "node_modules", "@pulumi", "pulumi"), join(packages, "@pulumi", "pulumi"));
  await git("init", "--quiet");
  await commit("first");
});

afterAll(async () => {
  await stack.remove();
  await rm(temporary, { recursive: true, force: true });
  // What keeps the revisions of Dockyard that the stack was brought up with; where it has no repository there is none.
  const refs = await execa("git", ["-C", PROJECT_ROOT, "for-each-ref", "--format=%(refname)", "refs/dockyard/"], { reject: false });
  for (const ref of refs.stdout.split("\n").filter((name) => name.startsWith(`refs/dockyard/${stack.label}-`)))
    await execa("git", ["-C", PROJECT_ROOT, "update-ref", "-d", ref]);
});

function write(file: string, text: string): Promise<void> {
  return writeFile(join(stack.folder, file), text);
}

async function change(from: string, to: string): Promise<void> {
  const text = await readFile(join(stack.folder, "index.ts"), "utf8");
  expect(text).toContain(from);
  await write("index.ts", text.replace(from, to));
}

async function git(...args: string[]): Promise<string> {
  const author = ["-c", "user.name=test", "-c", "user.email=test@localhost"];
  return (await execa("git", ["-C", stack.folder, ...author, ...args], { stdin: "ignore" })).stdout;
}

async function commit(message: string): Promise<void> {
  await git("add", "--all");
  await git("commit", "--quiet", "--message", message);
}

/** A command of package.json, as a process group of its own, with a folder of its own for what is temporary. */
function npm(command: "up" | "rollback", ...args: string[]) {
  return execa(
    process.execPath,
    [join(PROJECT_ROOT, "scripts", "dockyard.mjs"), command, "--cwd", stack.folder, "--stack", stack.name, ...args],
    { detached: true, all: true, stdin: "ignore", reject: false, env: { TMPDIR: temporary } },
  );
}

async function succeeds(command: "up" | "rollback", ...args: string[]): Promise<string> {
  // The preview before an `up` is none of these cases' business.
  const { exitCode, all } = await npm(command, ...args, ...(command === "up" ? ["--skip-preview"] : []), "--non-interactive");
  expect(exitCode, all).toBe(0);
  return all;
}

/** Folders of ours that are left in the temporary one. */
async function leftBehind(): Promise<string[]> {
  return (await readdir(temporary)).filter((name) => name.startsWith("dockyard-"));
}

/** The variable REVISION of each instance that runs. */
async function revisions(): Promise<Record<string, string | undefined>> {
  const instances = Object.entries(await containersOf(stack.label)).filter(
    ([node, { State }]) => node.startsWith("goods") && State.Running,
  );
  return Object.fromEntries(instances.map(([node, { Config }]) => [node, Config.Env.find((each) => each.startsWith("REVISION="))]));
}

/** Volumes that stay when their resource goes, as the state says. */
async function retainedVolumes(): Promise<string[]> {
  const { deployment } = JSON.parse(await stack.pulumi("stack", "export", "--stack", stack.name)) as {
    deployment: { resources: { type: string; id: string; retainOnDelete?: boolean }[] };
  };
  return deployment.resources
    .filter(({ type, retainOnDelete }) => type === "docker:index/volume:Volume" && retainOnDelete === true)
    .map(({ id }) => id);
}

async function everythingOfUser(): Promise<string[]> {
  return Promise.all([git("status", "--short"), git("rev-parse", "HEAD"), git("diff"), git("stash", "list"), git("branch", "--all")]);
}

describe("npm run rollback", () => {
  let volumes: Record<string, string>;
  const dataVolumes = () => volumeIdentities(["discovery-1-data", "gateway-1-data"].map((name) => stack.container(name)));

  it("says that there is nothing to go back to before the first up, and behind it", async () => {
    const before = await npm("rollback", "--yes");
    expect([before.exitCode, before.all]).toEqual([
      1,
      expect.stringContaining("There is no deployment to go back to: `npm run up` notes each"),
    ]);
    await succeeds("up");
    const after = await npm("rollback", "--yes");
    expect([after.exitCode, after.all]).toEqual([1, expect.stringContaining("There is no deployment before deployment 1 that succeeded")]);
    volumes = await dataVolumes();
    await get(`${consul}/v1/kv/kept`, { method: "PUT", body: "over the rollback" });
  });

  it("takes a bad image back that halted a roll, to what was never committed, while every request is answered", async () => {
    await write("revision.ts", 'export const revision = "uncommitted";\n');
    await change("import * as pulumi", 'import { revision } from "./revision";\nimport * as pulumi');
    await change("environment: config", "environment: { REVISION: revision, ...config");
    await change('("environment"),', '("environment") },');
    await stack.configure({ instances: 3 });
    await succeeds("up");
    const uncommitted = Object.fromEntries([1, 2, 3].map((n) => [`goods-${n}`, "REVISION=uncommitted"]));
    expect(await revisions()).toEqual(uncommitted);

    await write("revision.ts", 'export const revision = "bad";\n');
    await change('imageReference("shop")', '"dockyard/shop:0.0.0-never-built"');
    await commit("second");
    await stack.configure({ environment: { LEVEL: "new" } });
    let said = "";
    const direct = await underLoad([instance], 20, async () => {
      const through = await underLoad([`${gateway}/goods/1`], 50, async () => {
        const { exitCode, all } = await npm("up", "--non-interactive");
        expect(exitCode, all).not.toBe(0);
        const { "goods-1": _lost, ...others } = uncommitted;
        expect(await revisions()).toEqual(others);
        const user = await everythingOfUser();
        said = await succeeds("rollback", "--yes");
        expect(await everythingOfUser()).toEqual(user);
      });
      expect(through.failures).toEqual([]);
    });
    // The instance that was lost meanwhile would have been noticed.
    expect(direct.failures).not.toEqual([]);
    expect(said).toContain("is back at the inputs of deployment 2");
    expect(said).toMatch(/git -C \S+ restore --source=\w+ -- \./);
    expect(await revisions()).toEqual(uncommitted);
    expect(Object.values(await containersOf(stack.label)).flatMap(({ Config }) => Config.Env)).not.toContain("LEVEL=new");
    expect(await dataVolumes()).toEqual(volumes);
    expect((await get(`${consul}/v1/kv/kept?raw`)).body).toBe("over the rollback");
    expect(await leftBehind()).toEqual([]);
  });

  it("leaves nothing to change for the program of that time, and something for the newer one", async () => {
    expect(await stack.preview()).not.toEqual([]);
    await git("restore", "--source", (await git("for-each-ref", "--format=%(objectname)", "refs/dockyard/*/4")).trim(), "--", ".");
    await stack.configure({ environment: undefined });
    expect(await stack.preview()).toEqual([]);
  });

  it("only previews where nobody agrees, and shows every deployment with its result", async () => {
    const before = await revisions();
    const { exitCode, all } = await npm("rollback", "--to", "1", "--non-interactive");
    expect(exitCode).toBe(1);
    expect(all).toMatch(/goods-1 replace/);
    expect(all).toContain("Nothing is changed: this was a preview");
    expect(await revisions()).toEqual(before);
    expect(all).not.toContain("was changed since deployment");
    const list = (await succeeds("rollback", "--list")).split("\n").filter((line) => /^\d/.test(line));
    expect(list).toEqual([
      expect.stringMatching(/ with changes {2}succeeded {2}rollback to 2, current$/),
      expect.stringMatching(/^3 .* [0-9a-f]{7} +failed$/),
      expect.stringMatching(/^2 .* [0-9a-f]{7} with changes {2}succeeded$/),
      expect.stringMatching(/^1 .* [0-9a-f]{7} +succeeded$/),
    ]);
  });

  it("goes on after a Ctrl-C in its midst, further back than the first time, and deletes no data that may be deleted", async () => {
    const data = stack.container("goods-3-data");
    const before = await volumeIdentities([data]);
    await succeeds("up");
    // An up that takes its node away would delete it.
    expect(await retainedVolumes()).not.toContain(data);
    const cut = npm("rollback", "--to", "1", "--yes", "--non-interactive");
    let output = "";
    let reached = false;
    cut.all.on("data", (chunk: Buffer) => {
      output += chunk.toString();
      if (reached || !/Updating[^]*goods-1-gate deleted/.test(output)) return;
      reached = true;
      process.kill(-(cut.pid ?? 0), "SIGINT");
    });
    const { exitCode } = await cut;
    expect([reached, exitCode], output).toEqual([true, 1]);
    expect(await leftBehind()).toEqual([]);
    const said = await succeeds("rollback", "--yes");
    expect(said).toContain("Its allowDataLoss is left out: a rollback deletes no data.");
    expect(said).toContain("is back at the inputs of deployment 1");
    expect(await revisions()).toEqual({ "goods-1": undefined, "goods-2": undefined });
    expect(await volumeIdentities([data])).toEqual(before);
    await git("checkout", "--quiet", "--force", "HEAD~1");
    await stack.reset();
    expect(await stack.preview()).toEqual([]);
    // What notes no deployment is seen by the state.
    expect(await succeeds("rollback", "--list")).not.toContain("changed since");
    await stack.pulumi("refresh", "--yes", "--skip-preview", "--stack", stack.name);
    expect(await succeeds("rollback", "--list")).toContain("rollback to 1, changed since");
  });
});
