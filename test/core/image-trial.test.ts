import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { askImage } from "../../components/core/image-trial";
import { recordResources } from "../mocks";

recordResources();

const folder = mkdtempSync(join(tmpdir(), "dockyard-trial-"));
const [asked, engine] = [join(folder, "asked"), join(folder, "docker")];
afterAll(() => rmSync(folder, { recursive: true }));

/** An engine whose containers are processes of this machine: it runs what is behind the image's name. */
function asking(
  script: string,
  seconds?: number,
  run = 'while [ "$1" != image ]; do shift; done; shift; /bin/sh "$@"',
): string | undefined {
  writeFileSync(engine, `#!/bin/sh\nprintf '%s ' "$@" >> ${asked}\necho >> ${asked}\n[ "$1" = run ] || exit 0\n${run}\n`);
  chmodSync(engine, 0o755);
  writeFileSync(asked, "");
  return askImage([engine], "image", "101:101", script, seconds);
}

const said = () => readFileSync(asked, "utf8");

describe("a trial of an image", () => {
  it("tells what the software says where it fails, and nothing where it does not", () => {
    expect(asking("echo wrong; exit 1")).toBe("wrong\n");
    expect(asking("echo right")).toBeUndefined();
    expect(asking("exit 125")).toBeUndefined();
  });

  it("is a container of the stack's with a name, and bounds of memory, CPUs and processes", () => {
    asking("true");
    expect(said()).toMatch(/^run --rm --interactive --name dockyard-unit-trial-[0-9a-f]{12} --label dockyard\.stack=dockyard-unit /);
    expect(said()).toContain(" --memory 512m --memory-swap 512m --cpus 1 --pids-limit 128 ");
  });

  it("ends by itself, and fails, where the software does not end", () => {
    expect(asking("sleep 60", 1)).toContain("it did not end within 1 seconds");
  });

  it("ends by itself where the software does not let itself be asked to", () => {
    const began = Date.now();
    expect(asking("trap '' TERM; while :; do sleep 0.1; done", 1)).toContain("it did not end within 1 seconds");
    expect(Date.now() - began).toBeLessThan(8000);
  });

  it("is taken away where the engine does not end it", () => {
    // The client of an engine hands on what asks it to end, and waits; half a second is left for that.
    expect(asking("true", -11.5, "trap '' TERM; while :; do sleep 0.1; done")).toBeUndefined();
    const [, container] = / --name (\S+) /.exec(said()) ?? [];
    expect(said()).toContain(`\nrm --force ${container} \n`);
  });
});
