import { execa } from "execa";
import { pause, containersOf, docker } from "./engine";
import { until } from "./load";
import { NetworkReader } from "./network-reader";
import type { Prober } from "./prober";
import type { TestStack } from "./test-stack";

/** What is done to the node that holds the address: all but `stop` come without a warning. */
export type Harm = "kill" | "pause" | "stop" | "haproxy";

/** Which nodes had the address on an interface at one moment. */
export interface Sample {
  readonly at: number;
  readonly holders: readonly string[];
}

/**
 * The nodes of a pair and the address that moves between them.
 *
 * Who holds it is read from each container's network, which this machine shows to root, also for a node that is paused. A node that leaves
 * keeps the address on its loopback interface until its connections have ended: it does not hold it.
 */
export class MovingAddress {
  constructor(
    private readonly stack: TestStack,
    private readonly nodes: readonly string[],
    readonly address: string,
  ) {}

  /** Nodes that have the address now. */
  async holders(): Promise<string[]> {
    const containers = await containersOf(this.stack.label);
    const readers = new Readers(this.address);
    try {
      return await readers.holders(Object.fromEntries(this.nodes.map((node) => [node, containers[node]?.State.Pid ?? 0])));
    } finally {
      await readers.close();
    }
  }

  /** The one node that has it; fails where it is not one. */
  async holder(): Promise<string> {
    const [holder, ...others] = await this.holders();
    if (holder === undefined || others.length > 0)
      throw new Error(`${this.address} is held by ${[holder, ...others].join(", ") || "nobody"}`);
    return holder;
  }

  other(node: string): string {
    return this.nodes.find((each) => each !== node) ?? "";
  }

  /** Waits until every node does its job and one holds the address. */
  async settled(): Promise<string> {
    let holder = "";
    await until("the pair is whole", async () => {
      for (const node of this.nodes) await docker("exec", this.stack.container(node), "/opt/pair/health");
      return (holder = await this.holder());
    });
    return holder;
  }

  /** Who holds the address, every 50 ms or more often while `work` runs. */
  async sampled(work: () => Promise<unknown>): Promise<Sample[]> {
    const samples: Sample[] = [];
    const readers = new Readers(this.address);
    let [working, pids] = [true, await this.pids()];
    const refreshing = setInterval(() => void this.pids().then((now) => (pids = now)), 200);
    const sampling = (async () => {
      while (working) {
        samples.push({ at: Date.now(), holders: await readers.holders(pids) });
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    })();
    try {
      await work();
    } finally {
      working = false;
      clearInterval(refreshing);
      await sampling;
      await readers.close();
    }
    return samples;
  }

  /** Takes the node that holds the address away, waits until it is answered again, and brings the node back; gives the silence in milliseconds. */
  async harm(kind: Harm, prober: Prober): Promise<number> {
    const holder = await this.settled();
    const container = this.stack.container(holder);
    const since = Date.now();
    await this.hit(kind, container);
    if (kind !== "haproxy") {
      await until("another node has the address", async () => (await this.holdersBut(holder)).length === 1);
      // What comes after the take-over belongs to it: neighbours that still look for the old node.
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    await this.back(kind, container);
    await this.settled();
    await new Promise((resolve) => setTimeout(resolve, 300));
    return prober.longestSilence(since);
  }

  private async hit(kind: Harm, container: string): Promise<void> {
    switch (kind) {
      case "kill":
        return void (await docker("kill", container));
      case "pause":
        return void (await pause(container));
      case "stop":
        return void (await docker("stop", container));
      case "haproxy":
        return void (await docker(
          ...["exec", "--user", "haproxy", container, "sh", "-c", "kill -s KILL -- -$(s6-svstat -o pid /run/service/haproxy)"],
        ));
    }
  }

  private async back(kind: Harm, container: string): Promise<void> {
    if (kind === "kill" || kind === "stop") await docker("start", container);
    if (kind === "pause") await docker("unpause", container);
  }

  private async holdersBut(node: string): Promise<string[]> {
    return (await this.holders()).filter((holder) => holder !== node);
  }

  private async pids(): Promise<Record<string, number>> {
    const containers = this.nodes.map((node) => this.stack.container(node));
    const { stdout } = await execa("docker", ["inspect", "--format", "{{.State.Pid}}", ...containers], { reject: false });
    const pids = stdout.split("\n").map(Number);
    return Object.fromEntries(this.nodes.map((node, index) => [node, pids[index] ?? 0]));
  }
}

/** What reads the networks of the nodes that run now. */
class Readers {
  private readonly readers = new Map<number, NetworkReader>();

  constructor(private readonly address: string) {}

  /** @param pids A process of each node's container; 0 where it does not run. */
  async holders(pids: Readonly<Record<string, number>>): Promise<string[]> {
    const running = Object.entries(pids).filter(([, pid]) => pid !== 0);
    for (const [pid, reader] of this.readers) {
      if (running.some(([, each]) => each === pid)) continue;
      this.readers.delete(pid);
      await reader.close();
    }
    const having = await this.having(running);
    // Two networks are not read at one moment, and the address may have gone from one to the other meanwhile.
    return (having.length < 2 ? having : await this.having(having)).map(([node]) => node);
  }

  async close(): Promise<void> {
    await Promise.all([...this.readers.values()].map((reader) => reader.close()));
  }

  private async having(nodes: readonly (readonly [string, number])[]): Promise<(readonly [string, number])[]> {
    const held = await Promise.all(nodes.map(([, pid]) => this.of(pid).has()));
    return nodes.filter((_, index) => held[index]);
  }

  private of(pid: number): NetworkReader {
    const reader = this.readers.get(pid) ?? new NetworkReader(pid, this.address);
    this.readers.set(pid, reader);
    return reader;
  }
}

/** The samples in which more than one node had the address. */
export function heldTwice(samples: readonly Sample[], since = 0): readonly Sample[] {
  return samples.filter(({ at, holders }) => at >= since && holders.length > 1);
}
