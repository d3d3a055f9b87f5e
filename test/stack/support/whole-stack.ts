import { docker } from "./engine";
import type { TestStack } from "./test-stack";

/** Names of what a stack has on its engine. */
export interface OnEngine {
  readonly containers: readonly string[];
  readonly networks: readonly string[];
  readonly volumes: readonly string[];
}

/** Lists what a stack has on the engine. */
export async function foundOf({ label }: TestStack): Promise<OnEngine> {
  const filter = ["--filter", `label=dockyard.stack=${label}`, "--format"];
  const lines = async (...args: string[]) => (await docker(...args)).split("\n").filter(Boolean).sort();
  return {
    containers: await lines("ps", "--all", ...filter, "{{.Names}}"),
    networks: await lines("network", "ls", ...filter, "{{.Name}}"),
    volumes: await lines("volume", "ls", ...filter, "{{.Name}}"),
  };
}

/** What a stack of three servers, a gateway, so many instances of goods and one of order has to have: no more and no less. */
export function expectedOf(stack: TestStack, goods: number): OnEngine {
  const servers = ["discovery-1", "discovery-2", "discovery-3", "gateway-1"];
  const instances = [...Array.from({ length: goods }, (_, index) => `goods-${index + 1}`), "order-1"];
  return {
    containers: [...servers, ...instances].map((node) => stack.container(node)),
    networks: [stack.container("services")],
    volumes: servers.flatMap((node) => [`${node}-config`, `${node}-data`]).map((volume) => stack.container(volume)),
  };
}
