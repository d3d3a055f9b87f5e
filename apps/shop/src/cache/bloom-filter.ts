import type { RedisLink } from "./redis-link";

/** Says of an item that it was never added, or that it probably was. */
export interface BloomFilter {
  /** Whether the item is new, as far as can be told. */
  add(item: string): Promise<boolean>;

  /** The same of each item. */
  addAll(items: readonly string[]): Promise<boolean[]>;

  /** False where it was never added. */
  mayContain(item: string): Promise<boolean>;
}

/** The same commands twice: RedisBloom's, and the functions that a server without it has. */
const MODULE = { add: ["BF.ADD"], madd: ["BF.MADD"], exists: ["BF.EXISTS"] } as const;
const FUNCTIONS = { add: ["FCALL", "bf_add", 1], madd: ["FCALL", "bf_madd", 1], exists: ["FCALL_RO", "bf_exists", 1] } as const;

/**
 * A filter that the server has: which of the two ways it is served is found out with the first question, and again when a server answers
 * that it does not know it.
 */
export class RedisBloomFilter implements BloomFilter {
  private commands: typeof MODULE | typeof FUNCTIONS = MODULE;

  constructor(
    private readonly link: Pick<RedisLink, "call">,
    private readonly key: string,
  ) {}

  async add(item: string): Promise<boolean> {
    return (await this.ask("add", [item])) === 1;
  }

  async addAll(items: readonly string[]): Promise<boolean[]> {
    if (items.length === 0) return [];
    return ((await this.ask("madd", items)) as readonly unknown[]).map((reply) => {
      // An item that could not be added is answered with an error among the others' answers.
      if (reply instanceof Error) throw reply;
      return reply === 1;
    });
  }

  async mayContain(item: string): Promise<boolean> {
    return (await this.ask("exists", [item])) === 1;
  }

  private async ask(operation: keyof typeof MODULE, items: readonly string[]): Promise<unknown> {
    const tried = this.commands;
    try {
      return await this.send(tried[operation], items);
    } catch (error) {
      if (!/^ERR (unknown command|Function not found)/i.test((error as Error).message)) throw error;
      const other = tried === MODULE ? FUNCTIONS : MODULE;
      const answer = await this.send(other[operation], items);
      this.commands = other;
      return answer;
    }
  }

  private async send([command, ...before]: readonly [string, ...(string | number)[]], items: readonly string[]): Promise<unknown> {
    return this.link.call(command, ...before, this.key, ...items);
  }
}
