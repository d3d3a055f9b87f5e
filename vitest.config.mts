import { defineConfig } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** An order that never changes. */
class ByName extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return [...files].sort((a, b) => (a.moduleId < b.moduleId ? -1 : 1));
  }
}

/** One engine: files take turns, but where `npm test` runs some of them beside each other. */
const inTurn = { fileParallelism: false, testTimeout: 300_000, hookTimeout: 600_000 };

export default defineConfig({
  test: {
    sequence: { sequencer: ByName },
    projects: [
      {
        test: {
          name: "unit",
          include: ["test/**/*.test.ts"],
          exclude: ["test/stack/**", "test/toolchain/**"],
          isolate: false,
          setupFiles: ["test/afresh.ts"],
          // As many as there are cores: by itself vitest leaves one of them idle.
          maxWorkers: "100%",
        },
      },
      {
        test: {
          ...inTurn,
          // Files that share one running stack.
          name: "shared",
          include: ["test/stack/*.test.ts"],
          globalSetup: ["test/stack/shared-stack.ts"],
        },
      },
      {
        test: {
          ...inTurn,
          // Files with stacks of their own, by subject: messages, streams of them, what keeps data, changes of all components, and others.
          name: "apart",
          include: ["test/stack/{queue,streams,data,changes,own}/*.test.ts", "test/toolchain/**/*.test.ts"],
        },
      },
      {
        test: {
          ...inTurn,
          // Files that measure in parts of a second, or see whether every request is answered where an address moves or all of a stack changes.
          name: "alone",
          include: ["test/stack/alone/*.test.ts"],
        },
      },
    ],
  },
});
