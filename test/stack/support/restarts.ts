import { type ImageName } from "../../../components/core/images";
import { containersOf, docker } from "./engine";
import { until } from "./load";
import { OwnEngine } from "./own-engine";
import { SYSTEM_PORTS, smallSystems } from "./systems";
import { type Settings, TestStack, freePorts } from "./test-stack";

/** How long a stack may take to be whole again by itself after its engine was started, in ms. */
export const PATIENCE_MS = 120_000;

/** A dev stack on an engine of its own, which may be ended. */
export interface OwnStack {
  readonly engine: OwnEngine;
  readonly stack: TestStack;
  /** What the stack began with. */
  readonly settings: Settings;
  /** Where its gateway answers, inside of the engine's namespace. */
  readonly gateway: string;
}

/**
 * Makes an engine, has every docker command and Pulumi of this process use it, and describes a stack on it; brings nothing up.
 *
 * @param images Those that the stack runs.
 * @param options Of the engine.
 */
export async function createOwnStack(
  name: string,
  subnet: string,
  images: readonly ImageName[],
  settings: Settings,
  options: readonly string[] = [],
): Promise<OwnStack> {
  const engine = await OwnEngine.create(name, options);
  process.env.DOCKER_HOST = engine.address;
  try {
    return await describeStack(engine, name, subnet, images, settings);
  } catch (error) {
    await engine.remove();
    delete process.env.DOCKER_HOST;
    throw error;
  }
}

async function describeStack(
  engine: OwnEngine,
  name: string,
  subnet: string,
  images: readonly ImageName[],
  settings: Settings,
): Promise<OwnStack> {
  await engine.loadImages(images);
  const port = await freePorts(SYSTEM_PORTS);
  const all = {
    network: { subnet },
    ...smallSystems(port),
    ...settings,
  };
  return { engine, stack: await TestStack.create(name, all), settings: all, gateway: `http://127.0.0.1:${port}` };
}

/** The same as it was before its first `up`: without containers, data and state. */
export async function begunAnew(own: OwnStack): Promise<OwnStack> {
  await own.stack.remove();
  return { ...own, stack: await TestStack.create(own.stack.name, own.settings) };
}

/** Removes it with its engine; what was not made is passed over. */
export async function removeOwnStack(own: OwnStack | undefined): Promise<void> {
  await own?.stack.remove();
  await own?.engine.remove();
  delete process.env.DOCKER_HOST;
}

/** Waits until every node of a stack runs and says that it is healthy; else it fails with what those are that do not. */
export async function untilHealthy(label: string, timeoutMs = PATIENCE_MS): Promise<void> {
  await until(
    "every node is healthy",
    async () => {
      const states = Object.entries(await containersOf(label)).map(
        ([node, { State }]) => `${node} ${State.Running ? (State.Health?.Status ?? "unasked") : "ended"}`,
      );
      const faults = states.filter((state) => !state.endsWith(" healthy"));
      if (states.length > 0 && faults.length === 0) return true;
      throw new Error(faults.join(", ") || "there is none");
    },
    timeoutMs,
  );
}

const JSON_BODY = ["--header", "content-type: application/json", "--data"];

/** Whether the stack has MySQL, which keeps what articles are told. */
function keepsArticles({ settings }: OwnStack): boolean {
  return !(settings.without as readonly string[] | undefined)?.includes("mysql");
}

/** Leaves data in the stack that outlives it: an article where there is MySQL, an order that goes through the queue, a key in Consul. */
export async function leaveData(own: OwnStack): Promise<void> {
  const { engine, stack, gateway } = own;
  const answers = (url: string, ...options: string[]) => until(`${url} answers`, () => engine.curl(url, ...options).then(() => true));
  if (keepsArticles(own)) await answers(`${gateway}/goods/3`, "--request", "PUT", ...JSON_BODY, '{"name":"Fender, kept","price":2490}');
  await answers(`${gateway}/orders/`, ...JSON_BODY, '{"lines":[{"goodsId":1,"quantity":2}]}');
  await docker("exec", stack.container("discovery-1"), "consul", "kv", "put", "kept", "over restarts");
}

/** Waits until all of {@link leaveData} is told again by those who keep it. */
export async function untilServed(own: OwnStack, timeoutMs = PATIENCE_MS): Promise<void> {
  const { engine, stack, gateway } = own;
  const told = async (url: string, part: string) => (await engine.curl(url)).includes(part);
  if (keepsArticles(own)) await until("the article is read", () => told(`${gateway}/goods/3`, "Fender, kept"), timeoutMs);
  await until("orders are answered", () => told(`${gateway}/orders/1`, ""), timeoutMs);
  await until("the order was counted", () => told(`${gateway}/statistics`, '"id":1,"quantity":2'), timeoutMs);
  const kept = async () => (await docker("exec", stack.container("discovery-2"), "consul", "kv", "get", "kept")) === "over restarts";
  await until("the key is there", kept, timeoutMs);
}

/** Ends the engine and starts it again; returns the seconds from its start until all is healthy and served, with nobody's help. */
export async function restartEngine(own: OwnStack, signal: "SIGTERM" | "SIGKILL"): Promise<number> {
  await own.engine.end(signal);
  const began = performance.now();
  await own.engine.start();
  await untilHealthy(own.stack.label);
  await untilServed(own);
  return (performance.now() - began) / 1000;
}

/** Restarts all of a stack's containers at once; returns when all are healthy and requests are served. */
export async function restartContainers(own: OwnStack): Promise<void> {
  const ids = Object.values(await containersOf(own.stack.label)).map(({ Id }) => Id);
  await Promise.all(ids.map((id) => docker("restart", "--time", "20", id)));
  await untilHealthy(own.stack.label);
  await untilServed(own);
}
