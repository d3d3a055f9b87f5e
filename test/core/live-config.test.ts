import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { Host } from "../../components/core/host";
import { TREE_FUNCTION, filledVolume, stagedFolder } from "../../components/core/command-text";
import { renderInstallCommand, renderStageScript } from "../../components/core/live-config";
import { recordResources } from "../mocks";

recordResources();

const config = {
  mountPath: "/etc/thing",
  files: [
    { path: "thing.conf", content: "" },
    { path: "keys/it's.key", content: "", mode: "0400" },
  ],
  check: (folder: string) => ["thing", "-t", `${folder}/thing.conf`],
  reload: ["thing", "reload"],
};

const mountPath = mkdtempSync(join(tmpdir(), "dockyard-live-"));
afterAll(() => rmSync(mountPath, { recursive: true }));

/** Writes a version of the files into the folder, as whoever runs this test. */
function stage(content: string): string {
  const own = { ...config, mountPath, files: [{ path: "thing.conf", content: "" }] };
  const script = renderStageScript(`${process.getuid?.()}:${process.getgid?.()}`, own, [content]);
  const { status, stdout, stderr } = spawnSync("sh", ["-s"], { input: script, encoding: "utf8" });
  expect(status, stderr).toBe(0);
  expect(`${stagedFolder(script)?.mountPath}/${stagedFolder(script)?.version}\n`).toBe(stdout);
  return stagedFolder(script)?.version ?? "";
}

function tree(folder: string): string {
  return spawnSync("sh", ["-c", `${TREE_FUNCTION}\ntree "$1"`, "sh", folder], { encoding: "utf8" }).stdout;
}

describe("a live configuration", () => {
  it("leaves a version alone that is there, and keeps one beside it that somebody has edited", () => {
    const version = stage("a\n");
    const file = join(mountPath, version, "thing.conf");
    symlinkSync(version, join(mountPath, "current"));
    const before = tree(join(mountPath, version));
    expect(before.split("\n")).toHaveLength(3);
    stage("a\n");
    expect(readdirSync(mountPath).sort()).toEqual([version, "current"].sort());
    rmSync(file);
    writeFileSync(file, "by hand\n");
    mkdirSync(join(mountPath, version, "more"));
    writeFileSync(join(mountPath, version, "more", "file"), "");
    expect(stage("a\n")).toBe(version);
    // What is in use has not changed until it was checked.
    expect(readlinkSync(join(mountPath, "current"))).toBe(`${version}.edited`);
    expect(readFileSync(join(mountPath, "current", "thing.conf"), "utf8")).toBe("by hand\n");
    expect(tree(join(mountPath, version))).toBe(before);
  });

  it("writes each file with its mode into a folder named after the content", async () => {
    await expect(renderStageScript("7:8", config, ["a = $b\n", "secret"])).toMatchFileSnapshot("golden/live-config-stage.sh");
  });

  it("has another folder for another content", () => {
    const folder = (content: string) => /echo (\S+)/.exec(renderStageScript("7:8", config, [content, "secret"]))?.[1];
    expect(folder("a")).toBe(folder("a"));
    expect(folder("a")).not.toBe(folder("b"));
  });

  it("checks before it swaps, swaps before it reloads, and reloads only what runs with this image", async () => {
    const node = { host: new Host({ name: "far", engine: "ssh://far" }), component: "thing", image: "thing:1", user: "7:8" };
    const command = renderInstallCommand("unit-thing-1", "unit-thing-1-config", node, config);
    await expect(command).toMatchFileSnapshot("golden/live-config-install.sh");
    expect(filledVolume(command)).toBe("unit-thing-1-config");
    expect(filledVolume("echo")).toBeUndefined();
  });

  const bin = mkdtempSync(join(tmpdir(), "dockyard-live-bin-"));
  afterAll(() => rmSync(bin, { recursive: true }));

  /**
   * Installs a version with an engine whose throw-away containers are shells of this machine, and whose running container has `runningImage`.
   *
   * @returns how it ended, and what was done in the running container.
   */
  function install(content: string, runningImage: string, { together = false, accepts = true, reloads = true, volume = mountPath } = {}) {
    const [log, docker] = [join(bin, "inside"), join(bin, "docker")];
    writeFileSync(log, "");
    const answers = [
      "ps) echo running ;;",
      `inspect) echo ${runningImage} ;;`,
      'run) case "$*" in *" -s") exec sh -s ;; esac ;;',
      `exec) case "$*" in *reload) echo reload >> ${log}; ${reloads} ;; *) echo check >> ${log}; ${accepts} ;; esac ;;`,
    ];
    writeFileSync(docker, `#!/bin/sh\ncase $1 in\n${answers.join("\n")}\nesac\n`, { mode: 0o755 });
    const host = new Host({ name: "local" });
    Object.assign(host, { docker: [docker] });
    const node = { host, component: "thing", image: "thing:1", user: "7:8" };
    const own = { ...config, mountPath: volume, files: [{ path: "thing.conf", content: "" }], together };
    const command = renderInstallCommand("unit-thing-1", "unit-thing-1-config", node, own);
    const input = renderStageScript(`${process.getuid?.()}:${process.getgid?.()}`, own, [content]);
    const { status, stdout, stderr } = spawnSync("sh", ["-c", command], { encoding: "utf8", input, env: { ...process.env, TMPDIR: bin } });
    const { version = "" } = stagedFolder(input) ?? {};
    return { status, stdout: stdout.trim(), stderr, version, inside: readFileSync(log, "utf8").split("\n").filter(Boolean) };
  }

  const current = () => readFileSync(join(mountPath, "current", "thing.conf"), "utf8");

  it.each<[string, boolean, boolean, string[]]>([
    ["is reloaded where the next image is another one, if all change together", true, true, ["check", "reload"]],
    ["is not reloaded where what runs refuses it", true, false, ["check"]],
    ["is not reloaded otherwise", false, true, []],
  ])("%s", (name, together, accepts, expected) => {
    const { status, stdout, stderr, version, inside } = install(name, "thing:0", { together, accepts });
    expect(status, stderr).toBe(0);
    expect(stdout).toBe(version);
    expect(inside).toEqual(expected);
    expect(current()).toBe(`${name}\n`);
  });

  it("keeps the version before, for what still has files of it open, and no earlier one", () => {
    const versions = ["one", "two", "three"].map((content) => install(content, "thing:1").version);
    expect(readdirSync(mountPath).sort()).toEqual(["current", ...versions.slice(1)].sort());
    expect(readlinkSync(join(mountPath, "current"))).toBe(versions[2]);
  });

  it.each<[string, { accepts?: boolean; reloads?: boolean }, string]>([
    ["stays where the software refuses the next one", { accepts: false }, "the configuration was refused and the old one stays"],
    ["comes back where the software does not take the next one up", { reloads: false }, "and the old one is back in its place"],
  ])("%s", (name, faults, said) => {
    install("before", "thing:1");
    const { status, stderr } = install(name, "thing:1", faults);
    expect(status).toBe(1);
    expect(stderr).toContain(said);
    expect(current()).toBe("before\n");
  });

  it("fails with what is said where it cannot be written, and leaves nothing behind", () => {
    const { status, stderr, inside } = install("any", "thing:1", { volume: "/proc/thing" });
    expect(status).toBeGreaterThan(0);
    expect(stderr).toContain("/proc/thing");
    expect(inside).toEqual([]);
    expect(readdirSync(bin).sort()).toEqual(["docker", "inside"]);
  });
});
