import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    projects: [
      { test: { name: "unit", include: ["test/**/*.test.ts"], exclude: ["test/stack/**", "test/toolchain/**"] } },
      {
        test: {
          name: "stack",
          include: ["test/stack/**/*.test.ts", "test/toolchain/**/*.test.ts"],
          globalSetup: ["test/stack/shared-stack.ts"],
          // One engine, one running stack: the files take turns, in an order that never changes.
          fileParallelism: false,
          sequence: { shuffle: false },
          testTimeout: 300_000,
          hookTimeout: 600_000,
        },
      },
    ],
  },
});
