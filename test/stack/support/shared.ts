import { inject } from "vitest";
import { TestStack } from "./test-stack";

/** The running stack of shared-stack.ts, and where it is reached. */
export function sharedStack() {
  const { folder, name, settings } = inject("shared");
  const { gateway, consul, cdn } = settings as {
    cdn: { port: number };
    gateway: { publishedPort: number; publishedAdminPort: number };
    consul: { apiPort: number };
  };
  return {
    stack: new TestStack(folder, name, settings),
    settings: { gateway, consul },
    gateway: `http://127.0.0.1:${gateway.publishedPort}`,
    admin: `http://127.0.0.1:${gateway.publishedAdminPort}`,
    cdn: `http://127.0.0.1:${cdn.port}`,
    consul: [0, 1, 2].map((index) => `http://127.0.0.1:${consul.apiPort + index}`),
  };
}
