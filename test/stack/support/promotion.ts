import { join } from "node:path";
import { execa } from "execa";
import { docker } from "./engine";
import { get, until } from "./load";
import { missingRows, nodeStatus, writeLoad, type MysqlLogin, type WriteLoad } from "./mysql";
import type { TestStack } from "./test-stack";

const PROJECT_ROOT = join(import.meta.dirname, "..", "..", "..");

export interface LostSource {
  readonly dead: number;
  /** Rows that are missing. */
  readonly lost: readonly number[];
  /** From the command to the next write. */
  readonly commandMs: number;
  /** What the two others told balancers before the command, each a status of HTTP. */
  readonly answersToReads: readonly number[];
}

/** The three nodes of `mysql` in a stack, whose roles change by the commands that a user types. */
export class PromotedSet {
  constructor(
    private readonly stack: TestStack,
    readonly login: MysqlLogin,
  ) {}

  container(node: number): string {
    return this.stack.container(`mysql-${node}`);
  }

  address(node: number): string {
    return this.login.nodes[node - 1] ?? "";
  }

  promote(...args: string[]): Promise<string> {
    return this.command("promote", ...args);
  }

  /** Number of the node that leads, 0 where none does. */
  async leader(): Promise<number> {
    const found = await Promise.all(this.login.nodes.map((node) => nodeStatus(node).catch(() => undefined)));
    return found.findIndex((status) => status?.role === "source") + 1;
  }

  /** Whether two nodes follow the third. */
  async allFollow(): Promise<boolean> {
    const found = await Promise.all(this.login.nodes.map(nodeStatus));
    return found.filter(({ role }) => role === "replica").length === 2 && found.some(({ role }) => role === "source");
  }

  /** Has another node lead while rows are written; with the rows that are missing. */
  async handOver(rate: number): Promise<WriteLoad & { readonly lost: readonly number[] }> {
    const next = (await this.leader()) === 3 ? 2 : 3;
    const load = await writeLoad(this.login, rate, async () => {
      await this.promote(String(next));
      await until("both follow", () => this.allFollow());
    });
    const leads = await this.leader();
    if (leads !== next) throw new Error(`mysql-${leads} leads after mysql-${next} was promoted`);
    return { ...load, lost: await missingRows(this.login, load.written) };
  }

  /** Kills the source while it is written to, and has the one lead that has most. */
  async loseSource(rate: number): Promise<WriteLoad & LostSource> {
    const dead = await this.leader();
    let [commandMs, answersToReads] = [NaN, [] as number[]];
    const load = await writeLoad(this.login, rate, async (written) => {
      await until("rows are written", async () => written.length > rate);
      await docker("kill", this.container(dead));
      answersToReads = await this.answersToReads([1, 2, 3].filter((node) => node !== dead));
      const began = performance.now();
      const before = written.length;
      const written_ = until("a row is written again", async () => written.length > before).then(() => {
        commandMs = performance.now() - began;
      });
      await Promise.all([this.promote("--force"), written_]);
      await until("rows are written again", async () => written.length > before + rate);
    });
    return { ...load, dead, commandMs, answersToReads, lost: await missingRows(this.login, load.written) };
  }

  /** What balancers are told who ask these for reads, once they receive nothing from their source any more. */
  private async answersToReads(replicas: readonly number[]): Promise<number[]> {
    const receives = async (node: number) => (await nodeStatus(this.address(node))).io;
    await until("they receive nothing any more", async () => !(await Promise.all(replicas.map(receives))).includes(true));
    return Promise.all(replicas.map(async (node) => (await get(`http://${this.address(node)}:3300/replica`)).status));
  }

  /** Has a source die that went on alone, and another one lead: rows that are missing, which are those that nobody acknowledged. */
  async loseWhatIsAlone(rate: number): Promise<readonly number[]> {
    const source = await this.leader();
    const replicas = [1, 2, 3].filter((node) => node !== source);
    const containers = replicas.map((node) => this.container(node));
    const { written } = await writeLoad(this.login, rate, async (ids) => {
      await docker("kill", ...containers);
      const before = ids.length;
      await until("rows are written that no replica has", async () => ids.length > before + rate);
      await docker("kill", this.container(source));
      await docker("start", ...containers);
      const answers = async (node: number) => (await nodeStatus(this.address(node))).executed !== "";
      await until("the replicas are back", async () => (await Promise.all(replicas.map(answers))).every(Boolean), 90_000);
      await this.promote("--force");
      await until("another takes writes", async () => ![0, source].includes(await this.leader()));
    });
    return missingRows(this.login, written);
  }

  /** Has a node follow again that was away, and that may have what nobody else has. */
  async heal(node: number): Promise<void> {
    const status = () => nodeStatus(this.address(node)).catch(() => undefined);
    await until("it is back", async () => ["replica", "diverged"].includes((await status())?.role ?? ""), 90_000);
    if ((await status())?.role === "diverged") await this.command("rejoin", String(node), "--discard");
    await until("all follow", () => this.allFollow(), 90_000);
  }

  private async command(verb: string, ...args: string[]): Promise<string> {
    const script = join(PROJECT_ROOT, "scripts", "dockyard.mjs");
    const line = [script, verb, "mysql", ...args, "--cwd", this.stack.folder, "--stack", this.stack.name];
    return (await execa(process.execPath, line, { all: true, stdin: "ignore" })).all;
  }
}
