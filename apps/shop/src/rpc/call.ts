import { PeerFault } from "./connection";
import { RpcError } from "./message";
import type { Peer } from "./peer";

export interface CallTimes {
  /** Time after which a call that has no answer yet is also made to the next peer; the first answer counts. */
  readonly hedgeAfterMs: number;
  /** Time for the whole call with all its attempts. */
  readonly deadlineMs: number;
}

/** One attempt that came to nothing. */
export interface Attempt {
  readonly peer: string;
  readonly fault: string;
}

/** Nobody answered; the message and `tried` say who was asked and what came of it. */
export class NoAnswerError extends Error {
  constructor(
    readonly upstream: string,
    readonly tried: readonly Attempt[],
  ) {
    const attempts = tried.map(({ peer, fault }) => `${peer} (${fault})`).join(", ");
    super(tried.length === 0 ? `no instance of ${upstream} is known` : `no instance of ${upstream} answered: tried ${attempts}`);
    this.name = "NoAnswerError";
  }
}

export interface BalancedCallArgs {
  readonly upstream: string;
  readonly candidates: Iterator<Peer>;
  readonly method: string;
  readonly params: unknown;
  /** Whether the call may be made again although it might have been carried out. */
  readonly idempotent: boolean;
  readonly times: CallTimes;
}

interface RunningAttempt {
  readonly abort: AbortController;
  readonly startedAt: number;
  /** Whether the attempt has already been held against its peer. */
  counted: boolean;
}

/**
 * One call over as many peers as it takes: a failed attempt moves on at once, a silent one is overtaken by the next peer
 * while its own answer is still welcome. A slow peer therefore costs no error, and a dead one no more than `hedgeAfterMs`.
 */
export class BalancedCall {
  private readonly running = new Map<Peer, RunningAttempt>();
  private readonly tried: Attempt[] = [];
  private hedge: NodeJS.Timeout | undefined;
  private deadline: NodeJS.Timeout | undefined;
  private resolve!: (result: unknown) => void;
  private reject!: (error: Error) => void;

  constructor(private readonly args: BalancedCallArgs) {}

  run(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
      this.deadline = setTimeout(() => this.giveUp(), this.args.times.deadlineMs);
      this.tryNext();
    });
  }

  private tryNext(): void {
    const next = this.args.candidates.next();
    if (!next.done) this.attempt(next.value);
    else if (this.running.size === 0) this.giveUp();
  }

  private attempt(peer: Peer): void {
    const { method, params, idempotent, times } = this.args;
    const attempt: RunningAttempt = { abort: new AbortController(), startedAt: Date.now(), counted: false };
    this.running.set(peer, attempt);

    clearTimeout(this.hedge);
    if (idempotent) this.hedge = setTimeout(() => this.overtake(peer, attempt), times.hedgeAfterMs);

    peer.call(method, params, attempt.abort.signal, idempotent).then(
      (result) => this.answered(peer, () => this.resolve(result)),
      (error: Error) => this.failed(peer, error),
    );
  }

  private overtake(peer: Peer, attempt: RunningAttempt): void {
    this.holdAgainst(peer, attempt);
    this.tryNext();
  }

  private answered(peer: Peer, settle: () => void): void {
    if (!this.running.delete(peer)) return;
    peer.succeeded();
    this.end();
    settle();
  }

  private failed(peer: Peer, error: Error): void {
    if (error instanceof RpcError) return this.answered(peer, () => this.reject(error));
    const attempt = this.running.get(peer);
    if (attempt === undefined) return;

    this.running.delete(peer);
    if (!(error instanceof PeerFault)) {
      this.end();
      this.reject(error);
      return;
    }
    this.holdAgainst(peer, attempt);
    this.tried.push({ peer: peer.address, fault: error.message });
    if (this.args.idempotent || !error.mayHaveRun) this.tryNext();
    else this.giveUp();
  }

  private giveUp(): void {
    for (const [peer, attempt] of this.running) {
      this.holdAgainst(peer, attempt);
      this.tried.push({ peer: peer.address, fault: `no answer within ${Date.now() - attempt.startedAt} ms` });
    }
    this.end();
    this.reject(new NoAnswerError(this.args.upstream, this.tried));
  }

  private holdAgainst(peer: Peer, attempt: RunningAttempt): void {
    if (attempt.counted) return;
    attempt.counted = true;
    peer.failed(Date.now());
  }

  private end(): void {
    clearTimeout(this.hedge);
    clearTimeout(this.deadline);
    const left = [...this.running.values()];
    this.running.clear();
    for (const { abort } of left) abort.abort(new PeerFault("another peer answered first", true));
  }
}
