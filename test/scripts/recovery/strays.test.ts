import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { endingContainer, renderEnding } from "../../../scripts/recovery/strays";

const [STRAY, OTHER, RESTING] = ["5", "7", "9"].map((digit) => digit.repeat(64)) as [string, string, string];

let processes: string;
const children: ChildProcess[] = [];

beforeEach(async () => {
  processes = await mkdtemp(join(tmpdir(), "dockyard-processes-"));
});

afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await rm(processes, { recursive: true, force: true });
});

/** A process, as the kernel tells the groups of one in a container. */
async function processIn(...groups: readonly string[]): Promise<ChildProcess> {
  const child = spawn("sleep", ["60"]);
  children.push(child);
  await once(child, "spawn");
  await mkdir(join(processes, String(child.pid)));
  await writeFile(join(processes, String(child.pid), "cgroup"), groups.map((group) => `${group}\n`).join(""));
  return child;
}

async function endedBy(...ids: readonly string[]): Promise<string[]> {
  return (await execa("sh", ["-c", renderEnding(ids, processes)])).stdout.split("\n").filter(Boolean);
}

describe("processes of containers that their engine believes not to run", () => {
  it.each([
    ["version 1", ["12:cpuset:/docker/ID", "1:name=systemd:/docker/ID", "0::/"]],
    ["version 2, with systemd", ["0::/system.slice/docker-ID.scope"]],
    ["version 2, seen from another container", ["0::/../ID"]],
  ])("are ended, and no others, by control groups of %s", async (_version, groups) => {
    const [stray, other] = await Promise.all([STRAY, OTHER].map((id) => processIn(...groups.map((group) => group.replace("ID", id)))));
    const outside = await processIn("0::/user.slice");
    const ended = once(stray!, "exit");
    expect(await endedBy(RESTING, STRAY)).toEqual([STRAY]);
    expect((await ended)[1]).toBe("SIGKILL");
    expect([other, outside].map((each) => each?.exitCode ?? each?.signalCode)).toEqual([null, null]);
  });

  it("may have ended meanwhile, or not be there at all", async () => {
    await mkdir(join(processes, "4000000"));
    expect(await endedBy(STRAY)).toEqual([]);
  });

  it("are seen by a container that may do nothing but end them", () => {
    expect(endingContainer("dockyard-dev", "shop:1", "the script")).toEqual([
      ...["run", "--rm", "--pull", "never", "--label", "dockyard.stack=dockyard-dev", "--network", "none", "--read-only"],
      ...["--pid", "host", "--userns", "host", "--user", "0:0", "--cap-drop", "ALL", "--cap-add", "KILL"],
      ...["--security-opt", "no-new-privileges", "--security-opt", "apparmor=unconfined"],
      ...["--entrypoint", "/bin/sh", "shop:1", "-c", "the script"],
    ]);
  });
});
