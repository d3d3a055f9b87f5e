import { setTimeout as delay } from "node:timers/promises";
import type { Log } from "../log";
import type { ConsulClient, ConsulResponse } from "./consul-client";
import { parseMember, type UpstreamMember } from "./upstream";

/** How long Consul holds a query that has nothing new to tell. */
const WAIT_SECONDS = 30;
/** Consul adds up to a sixteenth to the wait, so that not all clients come back at once; the rest is for the network. */
const QUERY_TIMEOUT_MS = WAIT_SECONDS * 1000 * (1 + 1 / 16) + 3_000;
/** Queries start no closer than this, whatever makes Consul answer them at once. */
const MIN_INTERVAL_MS = 100;
const MAX_BACKOFF_MS = 5_000;

interface KvEntry {
  readonly Key: string;
  readonly Value: string | null;
}

/**
 * Follows the members of one upstream in Consul's KV store with blocking queries.
 *
 * The last known list stays in force while Consul is away and when the list becomes empty: both are more likely
 * an accident than the wish to have no instance at all.
 */
export class UpstreamWatch {
  /** Resolves with Consul's first answer, whatever it is. */
  readonly answered: Promise<void>;
  private resolveAnswered!: () => void;
  private index = 0;
  private known = "";
  private empty = false;
  private faults = 0;
  private readonly stopping = new AbortController();
  private running: Promise<void> = Promise.resolve();

  /**
   * @param prefix Folder of the members' keys: `upstreams/goods-rpc`.
   * @param onChange Called with each new list, never with an empty one.
   */
  constructor(
    private readonly consul: ConsulClient,
    private readonly prefix: string,
    private readonly onChange: (members: readonly UpstreamMember[]) => void,
    private readonly log: Log,
  ) {
    this.answered = new Promise((resolve) => (this.resolveAnswered = resolve));
  }

  start(): void {
    this.running = this.run(this.stopping.signal);
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const pause = delay(MIN_INTERVAL_MS, undefined, { signal }).catch(() => undefined);
      try {
        this.accept(await this.query(signal));
        this.resolveAnswered();
        await pause;
      } catch (error) {
        if (!signal.aborted) await this.recover(error as Error, signal);
      }
    }
  }

  private query(signal: AbortSignal): Promise<ConsulResponse> {
    const blocking = this.index > 0 ? `&index=${this.index}&wait=${WAIT_SECONDS}s` : "";
    return this.consul.ask({ path: `/kv/${this.prefix}/?recurse${blocking}`, timeoutMs: QUERY_TIMEOUT_MS, signal });
  }

  private accept(response: ConsulResponse): void {
    const members = response.status === 404 ? [] : this.parse(response.body);
    this.index = nextIndex(this.index, response.headers["x-consul-index"]);
    if (this.faults > 0) this.log.info({ upstream: this.prefix, server: response.server }, "consul answers again");
    this.faults = 0;

    const list = JSON.stringify(members);
    if (members.length > 0) this.empty = false;
    if (list === this.known) return;
    if (members.length === 0) {
      if (!this.empty)
        this.log.warn(
          { upstream: this.prefix, known: this.known !== "" },
          "the upstream's list is empty; the last known one, if any, stays in force",
        );
      this.empty = true;
      return;
    }
    this.known = list;
    this.log.info({ upstream: this.prefix, members: members.map(({ host, port }) => `${host}:${port}`) }, "upstream changed");
    this.onChange(members);
  }

  private parse(body: string): UpstreamMember[] {
    return (JSON.parse(body) as KvEntry[])
      .filter(({ Key }) => !Key.endsWith("/"))
      .flatMap(({ Key, Value }) => {
        const member = parseMember(Key, Buffer.from(Value ?? "", "base64").toString("utf8"));
        if (member === undefined) this.log.warn({ key: Key }, "key ignored: it does not describe an instance");
        return member ?? [];
      });
  }

  /** Says once that Consul is away, and asks the next server at once before it slows down. */
  private async recover(error: Error, signal: AbortSignal): Promise<void> {
    if (this.faults === 0)
      this.log.warn({ upstream: this.prefix, fault: error.message }, "consul is away; the last known list stays in force");
    // The next server, or this one after a restart, may not know the index; without one it answers at once.
    this.index = 0;
    const backoff = Math.min(MAX_BACKOFF_MS, MIN_INTERVAL_MS * 2 ** this.faults++);
    await delay(backoff * (0.75 + Math.random() / 2), undefined, { signal }).catch(() => undefined);
  }
}

/** Consul's own rules: an index that goes backwards or is no positive number starts over, or a change could be waited past. */
function nextIndex(previous: number, header: string | string[] | undefined): number {
  const index = Number(header);
  return Number.isSafeInteger(index) && index > 0 && index >= previous ? index : 0;
}
