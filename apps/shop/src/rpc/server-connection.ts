import type { Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { Log } from "../log";
import { encodeFrame, FrameDecoder, FrameTooLargeError } from "./frame";
import { asRequest, GOAWAY_METHOD, idOf, parseBody, RpcCode, RpcError, type RpcId, type RpcRequest, type RpcResponse } from "./message";

/** Answers one method; what it throws as an `RpcError` reaches the caller, anything else is an internal error. */
export type RpcMethod = (params: unknown) => unknown;
export type RpcMethods = Readonly<Record<string, RpcMethod>>;

export interface ServerConnectionLimits {
  /** Time that a connection may do nothing; longer than the clients' own limit, so that they are the ones to close. */
  readonly idleMs: number;
  /** Time from a frame's first byte to its last: a sender that stops halfway is gone or means harm. */
  readonly frameMs: number;
  /** Calls that one connection runs at once; the rest waits in the socket. */
  readonly maxInFlight: number;
  /** Bytes of answers that a slow reader may leave unread before no more of its calls are taken. */
  readonly maxUnreadBytes: number;
  /** Time without a call after which a connection of a leaving server is closed. */
  readonly lingerMs: number;
}

/** A peer whose machine vanished sends no FIN: the kernel asks after this long and drops the connection ten seconds later. */
export const KEEPALIVE_MS = 15_000;

/** The server's end of one connection: takes frames, runs their calls side by side, answers in the order of completion. */
export class ServerConnection {
  readonly closed: Promise<void>;
  private readonly decoder = new FrameDecoder();
  private inFlight = 0;
  private lastCallAt = Date.now();
  private ended = false;
  private frameTimer: NodeJS.Timeout | undefined;

  constructor(
    private readonly socket: Socket,
    private readonly methods: RpcMethods,
    private readonly limits: ServerConnectionLimits,
    private readonly log: Log,
  ) {
    this.closed = new Promise((resolve) => socket.once("close", () => resolve()));
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEPALIVE_MS);
    socket.setTimeout(limits.idleMs, () => this.onIdle());
    socket.on("data", (chunk) => this.onData(chunk));
    socket.on("drain", () => this.resumeIfRoom());
    // The client has said all it will say, and still waits for what it asked.
    socket.on("end", () => this.endWhenAnswered());
    socket.on("error", (error) => this.log.debug({ err: error }, "rpc connection broke"));
    socket.once("close", () => this.stopFrameTimer());
  }

  /** Answers what is in flight or still comes in, and closes once the client has fallen silent. */
  async drain(): Promise<void> {
    if (!this.socket.destroyed) this.send({ jsonrpc: "2.0", method: GOAWAY_METHOD });
    const drainedFrom = Date.now();
    while (!this.socket.destroyed) {
      const quietSince = Math.max(drainedFrom, this.lastCallAt);
      const remaining = quietSince + this.limits.lingerMs - Date.now();
      if (remaining <= 0) {
        this.endWhenAnswered();
        break;
      }
      await Promise.race([delay(remaining), this.closed]);
    }
    await this.closed;
  }

  destroy(): void {
    this.socket.destroy();
  }

  private onData(chunk: Buffer): void {
    try {
      for (const body of this.decoder.push(chunk)) {
        this.stopFrameTimer();
        void this.serve(body);
      }
    } catch (error) {
      if (!(error instanceof FrameTooLargeError)) throw error;
      this.refuse(error);
      return;
    }
    if (this.decoder.midFrame) this.startFrameTimer();
    if (this.inFlight >= this.limits.maxInFlight || this.socket.writableLength > this.limits.maxUnreadBytes) this.socket.pause();
  }

  private async serve(body: Buffer): Promise<void> {
    const startedAt = performance.now();
    this.inFlight++;
    this.lastCallAt = Date.now();
    let id: RpcId = null;
    let request: RpcRequest | undefined;
    let fault: RpcError | undefined;
    try {
      const message = parseBody(body);
      id = idOf(message);
      request = asRequest(message);
      const result = await this.run(request);
      if (request.id !== undefined) this.send({ jsonrpc: "2.0", id, result: result ?? null });
    } catch (error) {
      fault = this.asRpcError(error, request);
      // Nobody waits for the answer to a notification, not even when it fails.
      const isNotification = request !== undefined && request.id === undefined;
      if (!isNotification) this.send(errorResponse(id, fault));
    }
    this.inFlight--;
    const durationMs = Math.round((performance.now() - startedAt) * 10) / 10;
    this.log.info({ rpc: request?.method, code: fault?.code, fault: fault?.message, durationMs }, "rpc request");
    if (this.ended) this.endWhenAnswered();
    this.resumeIfRoom();
  }

  private async run({ method, params }: RpcRequest): Promise<unknown> {
    const implementation = Object.hasOwn(this.methods, method) ? this.methods[method] : undefined;
    if (implementation === undefined) throw new RpcError(RpcCode.methodNotFound, `there is no method ${JSON.stringify(method)}`);
    return implementation(params);
  }

  private asRpcError(error: unknown, request: RpcRequest | undefined): RpcError {
    if (error instanceof RpcError) return error;
    if (error instanceof FrameTooLargeError) return new RpcError(RpcCode.internalError, `the answer does not fit: ${error.message}`);
    this.log.error({ err: error, rpc: request?.method }, "rpc method failed");
    return new RpcError(RpcCode.internalError, "the method failed; its instance's log tells why");
  }

  private send(message: RpcResponse | RpcRequest): void {
    const frame = encodeFrame(message);
    if (this.socket.writable) this.socket.write(frame);
  }

  /** After a header that cannot be trusted nothing else on the connection can be read. */
  private refuse(error: FrameTooLargeError): void {
    this.log.warn({ fault: error.message, from: this.socket.remoteAddress }, "rpc connection refused");
    this.socket.removeAllListeners("data");
    // What is still under way is read and dropped: closing over unread bytes would reset the connection and lose the answer.
    this.socket.resume();
    this.send(errorResponse(null, new RpcError(RpcCode.invalidRequest, error.message)));
    this.startFrameTimer();
    this.endWhenAnswered();
  }

  private startFrameTimer(): void {
    this.frameTimer ??= setTimeout(() => {
      this.log.warn({ from: this.socket.remoteAddress }, "rpc connection closed: a frame was begun and not finished");
      this.socket.destroy();
    }, this.limits.frameMs);
  }

  private stopFrameTimer(): void {
    clearTimeout(this.frameTimer);
    this.frameTimer = undefined;
  }

  private endWhenAnswered(): void {
    this.ended = true;
    if (this.inFlight === 0) this.socket.end();
  }

  private resumeIfRoom(): void {
    if (this.inFlight < this.limits.maxInFlight && this.socket.writableLength <= this.limits.maxUnreadBytes) this.socket.resume();
  }

  private onIdle(): void {
    const unread = this.socket.writableLength > 0;
    if (this.inFlight === 0 || unread) this.socket.destroy();
  }
}

function errorResponse(id: RpcId, { code, message, data }: RpcError): RpcResponse {
  return { jsonrpc: "2.0", id, error: { code, message, data } };
}
