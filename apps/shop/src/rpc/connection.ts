import { connect, type Socket } from "node:net";
import { encodeFrame, FrameDecoder } from "./frame";
import { GOAWAY_METHOD, isRecord, parseBody, RpcError } from "./message";
import { KEEPALIVE_MS } from "./server-connection";

/** Why a peer gave no answer. */
export class PeerFault extends Error {
  /** @param mayHaveRun Whether the call had left: only one that is idempotent may then be made again. */
  constructor(
    message: string,
    readonly mayHaveRun: boolean,
  ) {
    super(message);
    this.name = "PeerFault";
  }
}

export interface ConnectionTimes {
  readonly connectTimeoutMs: number;
  /** Time without calls after which the connection is closed; shorter than the server's, which would cut a call on its way. */
  readonly idleMs: number;
  /** A connection on which nothing came back for this long is not trusted with another call. */
  readonly silentMs: number;
}

/** Time that a peer has to close its side of a connection. */
const CLOSE_MS = 5_000;

interface PendingCall {
  readonly sentAt: number;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** The client's end of one connection: many calls in flight, matched to their answers by id. */
export class RpcConnection {
  private readonly socket: Socket;
  private readonly decoder = new FrameDecoder();
  private readonly pending = new Map<number, PendingCall>();
  private readonly opened: Promise<void>;
  private nextId = 1;
  private lastReceivedAt = 0;
  private retired = false;

  /** @param onRetired Called once, when the connection takes no more calls. */
  constructor(
    host: string,
    port: number,
    private readonly times: ConnectionTimes,
    private readonly onRetired: () => void,
  ) {
    this.socket = connect({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEPALIVE_MS });
    this.opened = this.untilOpen();
    // Calls that wait for the opening go first: one that was retired meanwhile closes after them. A failure is theirs to tell.
    this.opened.then(
      () => setImmediate(() => this.retired && this.retire()),
      () => undefined,
    );
    this.socket.setTimeout(times.idleMs, () => (this.retired ? this.socket.destroy() : this.retire()));
    this.socket.on("data", (chunk) => this.onData(chunk));
    this.socket.on("error", (error) => this.fail(describe(error)));
    this.socket.on("close", () => this.fail("the peer closed the connection"));
  }

  /** Whether the connection was there before the caller came. */
  get isOpen(): boolean {
    return !this.retired && !this.socket.connecting && !this.socket.destroyed;
  }

  /** Makes one call; an aborted one is forgotten, and its late answer dropped. */
  async call(method: string, params: unknown, signal: AbortSignal): Promise<unknown> {
    await this.opened;
    signal.throwIfAborted();
    if (this.socket.destroyed) throw new PeerFault("the connection was lost", false);
    const id = this.nextId++;
    const frame = encodeFrame({ jsonrpc: "2.0", id, method, params });

    return new Promise((resolve, reject) => {
      const onAbort = (): void => this.abandon(id, signal.reason as Error);
      signal.addEventListener("abort", onAbort, { once: true });
      const settle =
        <T>(settled: (value: T) => void) =>
        (value: T): void => {
          signal.removeEventListener("abort", onAbort);
          settled(value);
        };
      this.pending.set(id, { sentAt: Date.now(), resolve: settle(resolve), reject: settle(reject) });
      this.socket.write(frame);
    });
  }

  /** Takes no more calls and closes when those in flight have ended. */
  retire(): void {
    if (!this.retired) {
      this.retired = true;
      this.onRetired();
    }
    if (this.pending.size > 0 || this.socket.connecting) return;
    this.socket.end();
    // A peer that is gone never sends its half of the farewell.
    this.socket.setTimeout(CLOSE_MS);
  }

  private untilOpen(): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new PeerFault(`no connection within ${this.times.connectTimeoutMs} ms`, false));
        this.socket.destroy();
      }, this.times.connectTimeoutMs);
      this.socket.once("connect", () => {
        clearTimeout(timer);
        resolve();
      });
      this.socket.once("error", (error) => {
        clearTimeout(timer);
        reject(new PeerFault(describe(error), false));
      });
      this.socket.once("close", () => {
        clearTimeout(timer);
        reject(new PeerFault("the connection was closed before it was used", false));
      });
    });
  }

  private onData(chunk: Buffer): void {
    this.lastReceivedAt = Date.now();
    try {
      for (const body of this.decoder.push(chunk)) this.onMessage(parseBody(body));
    } catch (error) {
      this.fail(`the peer does not speak the protocol: ${(error as Error).message}`);
    }
  }

  private onMessage(message: unknown): void {
    if (!isRecord(message)) throw new Error("a message is not an object");
    if (message.method === GOAWAY_METHOD) return this.retire();

    const call = this.takePending(message.id);
    const error = message.error;
    if (isRecord(error)) call?.reject(new RpcError(Number(error.code), String(error.message), error.data));
    else call?.resolve(message.result);
    if (this.retired) this.retire();
  }

  private takePending(id: unknown): PendingCall | undefined {
    if (typeof id !== "number") return undefined;
    const call = this.pending.get(id);
    this.pending.delete(id);
    return call;
  }

  private abandon(id: number, reason: Error): void {
    const call = this.takePending(id);
    if (call === undefined) return;
    call.reject(reason);
    const silent = this.lastReceivedAt < call.sentAt && Date.now() - call.sentAt >= this.times.silentMs;
    if (silent || this.retired) this.retire();
  }

  private fail(reason: string): void {
    this.socket.destroy();
    for (const id of [...this.pending.keys()]) this.takePending(id)?.reject(new PeerFault(reason, true));
    this.retire();
  }
}

function describe(error: NodeJS.ErrnoException): string {
  const known: Record<string, string> = {
    ECONNREFUSED: "the connection was refused",
    ECONNRESET: "the peer reset the connection",
    EHOSTUNREACH: "the host cannot be reached",
    ENETUNREACH: "the network cannot be reached",
    EPIPE: "the peer closed the connection",
    ETIMEDOUT: "the peer stopped answering",
  };
  return known[error.code ?? ""] ?? error.message;
}
