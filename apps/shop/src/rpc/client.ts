import type { UpstreamMember } from "../discovery/upstream";
import { BalancedCall, type CallTimes } from "./call";
import type { ConnectionTimes } from "./connection";
import { PeerSet } from "./peer-set";

export interface RpcClientTimes extends CallTimes, ConnectionTimes {}

const DEFAULT_TIMES: RpcClientTimes = {
  connectTimeoutMs: 500,
  idleMs: 60_000,
  silentMs: 450,
  hedgeAfterMs: 500,
  // Callers are promised an answer within 2 s: this leaves time to say that there is none.
  deadlineMs: 1_700,
};

export interface CallOptions {
  /** Whether the call may be made again, at another peer, although it might have been carried out. */
  readonly idempotent: boolean;
}

/** Calls a service's instances over pooled connections, spreading the calls and passing by the dead. */
export class RpcClient {
  private readonly times: RpcClientTimes;
  private readonly peers: PeerSet;

  /** @param upstream What is called, for messages: `goods-rpc`. */
  constructor(
    private readonly upstream: string,
    times: Partial<RpcClientTimes> = {},
  ) {
    this.times = { ...DEFAULT_TIMES, ...times };
    this.peers = new PeerSet(this.times);
  }

  setPeers(members: readonly UpstreamMember[]): void {
    this.peers.update(members);
  }

  /**
   * Makes one call.
   *
   * @throws {RpcError} when a peer answered with an error.
   * @throws {NoAnswerError} when no peer answered.
   */
  call(method: string, params: unknown, { idempotent }: CallOptions): Promise<unknown> {
    const { upstream, times } = this;
    return new BalancedCall({ upstream, candidates: this.peers.candidates(), method, params, idempotent, times }).run();
  }

  /** Closes every connection once its calls in flight have ended. */
  close(): void {
    this.peers.update([]);
  }
}
