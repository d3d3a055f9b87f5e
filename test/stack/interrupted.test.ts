import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { containersOf, docker } from "./support/engine";
import { get, until } from "./support/load";
import { TestStack, freePorts } from "./support/test-stack";

const PROJECT_ROOT = join(import.meta.dirname, "..", "..");

let stack: TestStack;
let gateway: string;

beforeAll(async () => {
  const port = await freePorts(10);
  gateway = `http://127.0.0.1:${port}`;
  stack = await TestStack.create("test-interrupted", {
    network: { subnet: "10.195.0.0/24" },
    gateway: { publishedPort: port, publishedAdminPort: port + 1 },
    consul: { apiPort: port + 2, servers: 1 },
    goods: { instances: 1 },
    order: { instances: 1 },
  });
});

afterAll(() => stack.remove());

/** `npm run up` as a process group of its own, as a terminal would start it. */
function startUp() {
  return execa(
    process.execPath,
    [join(PROJECT_ROOT, "scripts", "dockyard.mjs"), "up", "--cwd", stack.folder, "--stack", stack.name, "--non-interactive"],
    { detached: true, all: true, stdin: "ignore", reject: false },
  );
}

/** Counts what the stack has on the engine. */
async function found() {
  const filter = ["--filter", `label=dockyard.stack=${stack.label}`, "--format"];
  const lines = async (...args: string[]) => (await docker(...args)).split("\n").filter(Boolean).sort();
  return {
    containers: await lines("ps", "--all", ...filter, "{{.Names}}"),
    networks: await lines("network", "ls", ...filter, "{{.Name}}"),
    volumes: await lines("volume", "ls", ...filter, "{{.Name}}"),
  };
}

describe("npm run up", () => {
  // Each cut is a moment of the first up, which takes some 25 s here: in Pulumi's start, while Consul forms, at the gateway, at the services.
  it.each([
    ["SIGKILL", "discovery-1-config creating"],
    ["SIGKILL", "Container discovery-1 creating"],
    ["SIGINT", "Container gateway-1 creating"],
    ["SIGKILL", "discovery-1-gate creating"],
    ["SIGKILL", "goods-1-registration creating"],
    ["SIGTERM", "Container order-1 creating"],
  ] as const)("may be ended by %s at %j", async (signal, moment) => {
    const up = startUp();
    let output = "";
    let reached = false;
    up.all?.on("data", (chunk: Buffer) => {
      output += chunk.toString();
      if (reached || !output.includes(moment)) return;
      reached = true;
      // The whole group, as Ctrl-C in a terminal or a lost session does: the CLI, the plugins, the language host.
      process.kill(-(up.pid ?? 0), signal);
    });
    await up;
    // An earlier cut may have come after this moment: then the run went through, which is as good a state to go on from.
    expect(reached || output.includes("Resources:"), output).toBe(true);
    await until(
      "no process of it is left",
      async () => (await execa("pgrep", ["-f", stack.folder], { reject: false })).exitCode !== 0 || undefined,
      30_000,
    );
  });

  it("ends, run once more, as if nothing had happened", async () => {
    const { exitCode, all } = await startUp();
    expect(exitCode, all).toBe(0);
    expect((await get(`${gateway}/orders/1`)).status).toBe(200);
    expect(await stack.preview()).toEqual([]);
    expect(await found()).toEqual({
      containers: ["discovery-1", "gateway-1", "goods-1", "order-1"].map((node) => stack.container(node)),
      networks: [stack.container("services")],
      volumes: ["discovery-1-config", "discovery-1-data", "gateway-1-config", "gateway-1-data"].map((volume) => stack.container(volume)),
    });
    expect(Object.values(await containersOf(stack.label)).every(({ State }) => State.Running)).toBe(true);
  });

  it("refuses to run beside another one, and leaves the state valid", async () => {
    await stack.configure({ goods: { instances: 1, environment: { CHANGED: "1" } } });
    const both = await Promise.all([startUp(), startUp()]);
    expect(both.map(({ exitCode }) => exitCode).sort(), both.map(({ all }) => all).join("\n")).toContain(0);
    const { exitCode } = await startUp();
    expect(exitCode).toBe(0);
    expect(await stack.preview()).toEqual([]);
  });

  it("keeps the data over npm run down, and finds it again", async () => {
    const api = (await stack.outputs<{ endpoints: { consul: string } }>()).endpoints.consul;
    await get(`${api}/v1/kv/kept`, { method: "PUT", body: "over the down" });
    const down = await execa(
      process.execPath,
      [join(PROJECT_ROOT, "scripts", "dockyard.mjs"), "down", "--cwd", stack.folder, "--stack", stack.name, "--non-interactive"],
      { stdin: "ignore" },
    );
    expect(down.stdout).toContain(stack.container("discovery-1-data"));
    expect(await found()).toEqual({
      containers: [],
      networks: [],
      volumes: ["discovery-1-data", "gateway-1-data"].map((volume) => stack.container(volume)),
    });
    const { exitCode, all } = await startUp();
    expect(exitCode, all).toBe(0);
    expect((await get(`${api}/v1/kv/kept?raw`)).body).toBe("over the down");
  });
});
