import type { TestProject } from "vitest/node";
import { withoutAllBut } from "./support/systems";
import { TestStack, freePorts } from "./support/test-stack";

/** The one running stack that the files share; each leaves it as it found it. */
export interface SharedStack {
  readonly folder: string;
  readonly name: string;
  readonly settings: Record<string, unknown>;
}

declare module "vitest" {
  export interface ProvidedContext {
    shared: SharedStack;
  }
}

/** Brings the stack up before the first file and removes it after the last. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const port = await freePorts(11);
  const settings = {
    network: { subnet: "10.197.0.0/24" },
    gateway: { publishedPort: port, publishedAdminPort: port + 1 },
    consul: { apiPort: port + 2 },
    goods: { instances: 3 },
    order: { instances: 2 },
    cdn: { port: port + 10 },
    // Brokers and databases have files of their own; the rest is faster without them.
    without: withoutAllBut("ops", "cdn"),
  };
  const stack = await TestStack.create("test-shared", settings);
  try {
    await stack.up();
  } catch (error) {
    await stack.remove();
    throw error;
  }
  project.provide("shared", { folder: stack.folder, name: stack.name, settings });
  return () => stack.remove();
}
