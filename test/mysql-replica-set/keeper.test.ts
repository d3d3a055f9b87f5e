import { join } from "node:path";
import { execa } from "execa";
import { expect, it } from "vitest";

const KEEPER = join(import.meta.dirname, "..", "..", "images", "mysql", "keeper");

/** The keeper's own tests are beside it, in its language. */
it.each(["vet", "test"])("the keeper is sound: go %s", { timeout: 300_000 }, async (command) => {
  const { exitCode, all } = await execa("go", [command, "-mod=readonly", "./..."], {
    cwd: KEEPER,
    all: true,
    reject: false,
    env: { CGO_ENABLED: "0" },
  });
  expect(exitCode, all).toBe(0);
});
