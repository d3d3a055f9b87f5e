import { afterAll, describe, expect, it } from "vitest";
import { raftPeers, writesDuring } from "./support/consul";
import { containersOf, docker, eventsDuring } from "./support/engine";
import { get, until } from "./support/load";
import { sharedStack } from "./support/shared";

const { stack, consul, settings } = sharedStack();

/** How many servers of the cluster were down at once, at the worst, by the engine's events. */
function mostDownAtOnce(events: readonly string[]): number {
  let [down, most] = [0, 0];
  for (const event of events) {
    const [action, node = ""] = event.split(" ");
    if (!node.startsWith("discovery-")) continue;
    if (action === "die") most = Math.max(most, ++down);
    if (action === "start") down--;
  }
  return most;
}

afterAll(async () => {
  await stack.reset();
  await stack.up();
});

describe("a Consul cluster of three", () => {
  it("takes a changed log level up while it runs: no container is replaced", async () => {
    const before = Object.entries(await containersOf(stack.label)).map(([node, { Id, State }]) => [node, Id, State.StartedAt]);
    const changed = { consul: { ...settings.consul, logLevel: "debug" } };
    const planned = await stack.preview(changed);
    expect(planned.filter(({ type }) => type.startsWith("docker:"))).toEqual([]);
    expect(
      planned
        .filter(({ op }) => op === "update")
        .map(({ name }) => name)
        .sort(),
    ).toEqual(["discovery-1-config", "discovery-2-config", "discovery-3-config"]);
    await stack.up(changed);
    expect(Object.entries(await containersOf(stack.label)).map(([node, { Id, State }]) => [node, Id, State.StartedAt])).toEqual(before);
    const { DebugConfig } = JSON.parse((await get(`${consul[0]}/v1/agent/self`)).body) as {
      DebugConfig: { Logging: { LogLevel: string } };
    };
    expect(DebugConfig.Logging.LogLevel.toLowerCase()).toBe("debug");
  });

  it("grows to five and shrinks to three, with exactly that many Raft peers, a leader at all times and no write lost", async () => {
    const grown = { ...settings.consul, servers: 5, logLevel: "debug" };
    const untouched = async () => {
      const containers = await containersOf(stack.label);
      return ["discovery-1", "discovery-2", "discovery-3"].map((node) => containers[node]?.Id);
    };
    const before = await untouched();
    const [kept, given] = [4, 5].map((n) => stack.container(`discovery-${n}-data`));
    const growing = await writesDuring(consul, "grown", () => stack.up({ consul: grown, allowDataLoss: [given] }));
    expect((await raftPeers(consul[0] ?? "")).map(({ Node, Voter }) => [Node, Voter]).sort()).toEqual(
      [1, 2, 3, 4, 5].map((n) => [`discovery-${n}`, true]),
    );
    const shrinking = await writesDuring(consul, "shrunk", () => stack.up({ consul: { ...grown, servers: 3 } }));
    expect((await raftPeers(consul[0] ?? "")).map(({ Node }) => Node).sort()).toEqual(["discovery-1", "discovery-2", "discovery-3"]);
    for (const { acknowledged, lost, longestPause } of [growing, shrinking]) {
      expect(acknowledged).toBeGreaterThan(100);
      expect(lost).toEqual([]);
      expect(longestPause).toBeLessThan(3000);
    }
    expect(await untouched()).toEqual(before);
    const left = await docker("volume", "ls", "--quiet", "--filter", `label=dockyard.stack=${stack.label}`);
    expect(left.split("\n")).toContain(kept);
    expect(left.split("\n")).not.toContain(given);
    expect(await stack.preview()).toEqual([]);
  });

  it("stops taking writes while two servers are down, and a lost write is noticed: the loops above would have told", async () => {
    const two = ["discovery-2", "discovery-3"].map((node) => stack.container(node));
    const { lost, longestPause } = await writesDuring(
      consul,
      "control",
      async () => {
        await new Promise((resolve) => setTimeout(resolve, 1000));
        const events = await eventsDuring(stack.label, async () => {
          await docker("stop", ...two);
          await new Promise((resolve) => setTimeout(resolve, 4000));
          await docker("start", ...two);
        });
        expect(mostDownAtOnce(events)).toBe(2);
        await until("a leader", async () => (await get(`${consul[0]}/v1/status/leader`)).body.length > 5);
      },
      (keys) => get(`${consul[0]}/v1/kv/${keys[0]}`, { method: "DELETE" }),
    );
    expect(longestPause).toBeGreaterThan(3000);
    expect(lost).toEqual(["control/0"]);
  });
});
