import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, it } from "vitest";
import { OWN_PROGRAMS } from "../../components/core/images";

const PROJECT_ROOT = join(import.meta.dirname, "..", "..");

/** A program's own tests are beside it, in its language. */
describe.each(Object.entries(OWN_PROGRAMS))("the program %s", (_, folder) => {
  it.each(["vet", "test"])("is sound: go %s", { timeout: 300_000 }, async (command) => {
    const { exitCode, all } = await execa("go", [command, "-mod=readonly", "./..."], {
      cwd: join(PROJECT_ROOT, folder),
      all: true,
      reject: false,
      env: { CGO_ENABLED: "0" },
    });
    expect(exitCode, all).toBe(0);
  });
});
