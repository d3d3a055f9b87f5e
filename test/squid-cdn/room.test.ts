import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const COMMON = join(import.meta.dirname, "..", "..", "components", "squid-cdn", "scripts", "common");

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "dockyard-room-"));
  mkdirSync(join(folder, "bin"));
  mkdirSync(join(folder, "data"));
  program("df", 'echo "Filesystem 1M-blocks Used Available Use% Mounted on"; echo "/dev/vda1 1000 700 300 70% /"');
  program("du", 'echo "200	$2"');
});

afterAll(() => rmSync(folder, { recursive: true }));

function program(name: string, script: string): void {
  writeFileSync(join(folder, "bin", name), `#!/bin/sh\n${script}\n`);
  chmodSync(join(folder, "bin", name), 0o755);
}

/** What the question says of a cache of this size, on a disk with 300 MiB free and, where there is a cache, 200 MiB in it. */
async function room(mebibytes: number): Promise<{ exitCode?: number; stdout: string }> {
  writeFileSync(join(folder, "squid.conf"), `cache_mem 8 MB\ncache_dir aufs /var/cache/squid/store ${mebibytes} 16 256\n`);
  const script = `. ${COMMON}; DATA=${join(folder, "data")}; has_room ${folder}`;
  const env = { PATH: `${join(folder, "bin")}:${process.env.PATH}` };
  const { exitCode, stdout } = await execa("sh", ["-euc", script], { env, reject: false });
  return { exitCode, stdout };
}

describe("the room for a cache on its disk", () => {
  it("is what is free", async () => {
    expect(await room(300)).toEqual({ exitCode: 0, stdout: "" });
    expect(await room(301)).toEqual({
      exitCode: 1,
      stdout: "cacheMiB: 301 is more than the 300 MiB that the disk of the cache has free; ask for less, or free some",
    });
  });

  it("is also what the cache has taken already", async () => {
    mkdirSync(join(folder, "data", "store"));
    expect((await room(500)).exitCode).toBe(0);
    expect((await room(501)).stdout).toContain("501 is more than the 500 MiB");
  });

  it("stays to one that was let in, whatever others have taken since", async () => {
    writeFileSync(join(folder, "data", "granted"), "800\n");
    expect((await room(800)).exitCode).toBe(0);
    expect((await room(801)).exitCode).toBe(1);
  });
});
