import { expect } from "vitest";
import { containersOf } from "./engine";
import { command } from "./interruptions";
import { get, until } from "./load";
import { processesIn } from "./process-tree";
import type { TestStack } from "./test-stack";
import { expectedOf, foundOf } from "./whole-stack";

/** A stack of Consul, a gateway and two services, whose runs are cut and taken up. */
export class CutStack {
  constructor(
    readonly stack: TestStack,
    readonly gateway: string,
  ) {}

  npm(name: "up" | "down" | "preview", ...options: readonly string[]) {
    return command(this.stack, name, ...options);
  }

  /** Starts `up` and ends all of its processes when it says that it has come to a moment, as Ctrl-C in a terminal or a lost session does; returns what it said. */
  async cut(signal: NodeJS.Signals, moment: string): Promise<string> {
    const up = this.npm("up", "--skip-preview");
    let output = "";
    let reached = false;
    up.all.on("data", (chunk: Buffer) => {
      output += chunk.toString();
      if (reached || !output.includes(moment)) return;
      reached = true;
      process.kill(-(up.pid ?? 0), signal);
    });
    await up;
    expect(reached, output).toBe(true);
    await until("no process of it is left", async () => (await processesIn(this.stack.folder)).length === 0, 60_000);
    return output;
  }

  /** Runs a command that has to go through, and returns what it printed. */
  async succeeds(name: "up" | "down", ...options: readonly string[]): Promise<string> {
    const { exitCode, all } = await this.npm(name, ...options);
    expect(exitCode, all).toBe(0);
    return all;
  }

  /** An `up` that has to go through, without the preview before it, which most cases are not about. */
  goesOn(): Promise<string> {
    return this.succeeds("up", "--skip-preview");
  }

  /** Lists what the stack has on the engine. */
  found() {
    return foundOf(this.stack);
  }

  /** Three servers, a gateway and an instance of each service run and answer, nothing is left over, and nothing is to change. */
  async isAsIfNothingHadHappened(): Promise<void> {
    const { stack } = this;
    expect((await get(`${this.gateway}/orders/1`)).status).toBe(200);
    expect(await stack.preview()).toEqual([]);
    expect(await this.found()).toEqual(expectedOf(stack, 1));
    expect(Object.values(await containersOf(stack.label)).every(({ State }) => State.Running)).toBe(true);
  }

  async consulApi(): Promise<{ consul: string; apiPort: number }> {
    const { consul } = (await this.stack.outputs<{ endpoints: { consul: string } }>()).endpoints;
    return { consul, apiPort: Number(new URL(consul).port) };
  }
}

/** Settings of such a stack, and where its gateway is to answer. */
export function cutSettings(subnet: string, port: number) {
  return {
    gateway: `http://127.0.0.1:${port}`,
    settings: {
      network: { subnet },
      gateway: { publishedPort: port, publishedAdminPort: port + 1 },
      consul: { apiPort: port + 2 },
    },
  };
}
