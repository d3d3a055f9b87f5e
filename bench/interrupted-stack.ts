import { containersOf, docker } from "../test/stack/support/engine";
import { type Run, command } from "../test/stack/support/interruptions";
import { until } from "../test/stack/support/load";
import { type OwnStack, begunAnew, createOwnStack, removeOwnStack } from "../test/stack/support/restarts";
import { withoutAllBut } from "../test/stack/support/systems";
import type { Settings } from "../test/stack/support/test-stack";
import { expectedOf, foundOf } from "../test/stack/support/whole-stack";

const NAME = "bench-interruptions";
const SUBNET = "10.158.0.0/24";

/** How soon after an `up` a request has to be answered, in ms. */
const SERVED_MS = 2_000;

/** For how long a stack that is not whole is looked at, in ms. */
const LATE_MS = 60_000;

/** Instances of goods at the beginning; there is one more or less with each `scale`. */
const GOODS = 2;

/** A stack of Consul, a gateway and two services on an engine of its own, brought to where each kind of run begins. */
export class InterruptedStack {
  private rolls = 0;
  private goods = GOODS;
  /** Value of a key in Consul; empty where none has been written. */
  private kept = "";

  private constructor(private current: OwnStack) {}

  static async create(): Promise<InterruptedStack> {
    const goods = { instances: GOODS };
    const settings = { goods, without: withoutAllBut() };
    return new InterruptedStack(await createOwnStack(NAME, SUBNET, ["consul", "nginx", "shop"], settings));
  }

  /** The engine and the stack of today. */
  get own(): OwnStack {
    return this.current;
  }

  /** Begins a run of this kind up to the `up` itself: that is what is interrupted. */
  async prepare(run: Run): Promise<void> {
    const { stack, settings } = this.own;
    if (run === "first") return this.beginAnew();
    this.kept = `before ${run} ${Date.now()}`;
    await docker("exec", stack.container("discovery-1"), "consul", "kv", "put", "kept", this.kept);
    if (run === "again") await this.orRestarted(() => this.succeeds("down"));
    else if (run === "roll")
      await stack.configure({ consul: { ...(settings.consul as Settings), environment: { ROLL: `${++this.rolls}` } } });
    else {
      this.goods = this.goods === GOODS ? GOODS + 1 : GOODS;
      await stack.configure({ goods: { instances: this.goods } });
    }
  }

  /** Starts an `up`, as `npm run up` does. */
  up() {
    return command(this.own.stack, "up");
  }

  /** @throws {Error} with all that a command printed where it fails. */
  async succeeds(name: "up" | "down"): Promise<void> {
    const { exitCode, all } = await command(this.own.stack, name);
    if (exitCode !== 0) throw new Error(`${name} ended with ${exitCode}:\n${all}`);
  }

  /** What of the stack is not as if nothing had interrupted its runs; empty where all of it is. */
  async faults(): Promise<string[]> {
    const faults: string[] = [];
    const check = (what: string, look: () => Promise<unknown>) =>
      look().catch((error: unknown) => faults.push(`${what}: ${error instanceof Error ? error.message : String(error)}`));
    await Promise.all(["/goods/1", "/orders/1"].map((path) => check(path, () => this.untilAnswered(path))));
    await check("preview", async () => same(await this.own.stack.preview(), []));
    await check("what there is", async () => same(await foundOf(this.own.stack), expectedOf(this.own.stack, this.goods)));
    await check("what runs", () => this.allRun());
    await check("keys", () => this.keysAreThere());
    await check("locks", async () => same(await this.own.stack.locks(), []));
    return faults;
  }

  /** Seconds until a stack that was not whole is so by itself; undefined where it is not within a minute. */
  async untilWhole(): Promise<number | undefined> {
    const began = performance.now();
    const whole = async () => (await this.faults()).length === 0;
    return until("whole", whole, LATE_MS).then(
      () => (performance.now() - began) / 1000,
      () => undefined,
    );
  }

  /** Makes a stack without data and state in the place of one that is to be forgotten, on an engine that is new as well where that does not go. */
  async beginAnew(): Promise<void> {
    this.goods = GOODS;
    this.kept = "";
    await this.orRestarted(async () => {
      this.current = await begunAnew(this.own);
    });
  }

  /**
   * Does what takes a network away, and once more behind an ordinary restart of the engine where that refuses.
   *
   * Docker 20.10 counts the containers of a network in a file of its own. Where it starts many at once, as when it comes back from a kill, it
   * may count one too many, and then refuses for as long as it runs to remove a network that nobody is on.
   */
  private async orRestarted(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!String(error).includes("has active endpoints")) throw error;
      console.error("the engine takes an empty network for one with endpoints, and is restarted");
      await this.own.engine.end("SIGTERM");
      await this.own.engine.start();
      await work();
    }
  }

  /** As {@link beginAnew}, with another engine. */
  async replaceEngine(): Promise<void> {
    await this.remove();
    this.goods = GOODS;
    this.kept = "";
    this.current = (await InterruptedStack.create()).current;
  }

  async remove(): Promise<void> {
    await this.orRestarted(() => removeOwnStack(this.own));
  }

  private async untilAnswered(path: string): Promise<void> {
    const { engine, gateway } = this.own;
    await until("answered", () => engine.curl(`${gateway}${path}`, "--max-time", "2").then(() => true), SERVED_MS);
  }

  private async allRun(): Promise<void> {
    const containers = Object.entries(await containersOf(this.own.stack.label));
    same(
      containers.filter(([, { State }]) => !State.Running).map(([node]) => node),
      [],
    );
  }

  /** The key that was written before, and of each instance the two by which it is found: no more, no less. */
  private async keysAreThere(): Promise<void> {
    const server = this.own.stack.container("discovery-2");
    const consul = (...args: string[]) => docker("exec", server, "consul", "kv", "get", ...args);
    if (this.kept !== "") same(await consul("kept"), this.kept);
    const keys = (await consul("-keys", "-separator=", "upstreams/")).split("\n").filter(Boolean);
    const each = (service: string) => keys.filter((key) => key.startsWith(`upstreams/${service}/`)).length;
    same(["goods", "goods-rpc", "order"].map(each), [this.goods, this.goods, 1]);
  }
}

/** @throws {Error} saying both where they differ. */
function same(seen: unknown, expected: unknown): void {
  const [a, b] = [JSON.stringify(seen), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${a} instead of ${b}`);
}
