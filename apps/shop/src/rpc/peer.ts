import type { UpstreamMember } from "../discovery/upstream";
import { PeerFault, RpcConnection, type ConnectionTimes } from "./connection";

/** One instance of a service as its clients see it: its connection, and whether it has been failing. */
export class Peer {
  /** Share that the peer has saved up in the smooth weighted round robin. */
  credit = 0;
  private connection: RpcConnection | undefined;
  private failures = 0;
  private firstFailureAt = 0;
  private restUntil = 0;

  constructor(
    public member: UpstreamMember,
    private readonly times: ConnectionTimes,
  ) {}

  get address(): string {
    return addressOf(this.member);
  }

  /** Whether calls should go to others: it failed too often and its rest is not over. */
  isResting(now: number): boolean {
    return now < this.restUntil;
  }

  /** When a peer's rest is over, one call tries it; until that call succeeds the others keep away. */
  picked(now: number): void {
    if (this.restUntil > 0) this.rest(now);
  }

  succeeded(): void {
    this.failures = 0;
    this.restUntil = 0;
  }

  failed(now: number): void {
    const { maxFails, failTimeoutSeconds } = this.member;
    if (maxFails === 0) return;
    if (now - this.firstFailureAt > failTimeoutSeconds * 1000) {
      this.firstFailureAt = now;
      this.failures = 0;
    }
    this.failures++;
    if (this.failures >= maxFails || this.restUntil > 0) this.rest(now);
  }

  /** Makes one call on the pooled connection, which is opened by the first call that needs it. */
  async call(method: string, params: unknown, signal: AbortSignal, idempotent: boolean): Promise<unknown> {
    const pooled = this.connection;
    const wasOpen = pooled?.isOpen ?? false;
    try {
      return await (pooled ?? this.open()).call(method, params, signal);
    } catch (error) {
      // A pooled connection may belong to the peer's life before its restart: the peer of today has not been asked yet.
      const retry = error instanceof PeerFault && wasOpen && !signal.aborted && (idempotent || !error.mayHaveRun);
      if (!retry) throw error;
      return (this.connection ?? this.open()).call(method, params, signal);
    }
  }

  /** Closes the connection once the calls in flight have ended. */
  retire(): void {
    this.connection?.retire();
  }

  private open(): RpcConnection {
    const { host, port } = this.member;
    const connection = new RpcConnection(host, port, this.times, () => {
      if (this.connection === connection) this.connection = undefined;
    });
    return (this.connection = connection);
  }

  private rest(now: number): void {
    this.restUntil = now + this.member.failTimeoutSeconds * 1000;
  }
}

export function addressOf({ host, port }: UpstreamMember): string {
  return `${host}:${port}`;
}
