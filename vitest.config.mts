import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** An order that never changes. */
class ByName extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return [...files].sort((a, b) => (a.moduleId < b.moduleId ? -1 : 1));
  }
}

/** One engine: the files of a lane take turns. */
const lane = { fileParallelism: false, testTimeout: 300_000, hookTimeout: 600_000 };

export default defineConfig({
  test: {
    sequence: { sequencer: ByName },
    projects: [
      { test: { name: "unit", include: ["test/**/*.test.ts"], exclude: ["test/stack/**", "test/toolchain/**"] } },
      {
        test: {
          ...lane,
          // Files that share one running stack.
          name: "shared",
          include: ["test/stack/*.test.ts"],
          globalSetup: ["test/stack/shared-stack.ts"],
        },
      },
      { test: { ...lane, name: "queue", include: ["test/stack/queue/*.test.ts"] } },
      // Files whose stacks keep data: databases, caches, indices and what fills them.
      { test: { ...lane, name: "data", include: ["test/stack/data/*.test.ts"] } },
      // Files about streams of messages.
      { test: { ...lane, name: "streams", include: ["test/stack/streams/*.test.ts"] } },
      {
        test: {
          ...lane,
          // Files with stacks of their own.
          name: "own",
          include: ["test/stack/own/*.test.ts", "test/toolchain/**/*.test.ts"],
        },
      },
      {
        test: {
          ...lane,
          // Files that measure in parts of a second.
          name: "alone",
          include: ["test/stack/alone/*.test.ts"],
        },
      },
    ],
  },
});
