import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { Server as NetServer, type Socket } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";

/** Time that an idle connection stays open for a request which its client has already sent or is about to send. */
const LINGER_MS = 500;

interface Activity {
  inFlight: number;
  /** Bytes that belong to finished requests; more than these is the beginning of another. */
  bytesSeen: number;
}

/**
 * Lets a server go without cutting a request.
 *
 * Node's own `close` destroys every connection that it takes for idle, among them one whose answer is still being
 * written and one whose next request has just arrived; here such a connection ends with its answer.
 */
export class HttpDrain {
  private readonly sockets = new Map<Socket, Activity>();
  private draining = false;

  constructor(private readonly server: Server) {
    server.on("connection", (socket: Socket) => {
      this.sockets.set(socket, { inFlight: 0, bytesSeen: 0 });
      socket.once("close", () => this.sockets.delete(socket));
    });
    server.on("request", (request: IncomingMessage, response: ServerResponse) => this.follow(request.socket, response));
  }

  /** Whether answers should tell their client to close the connection. */
  get isDraining(): boolean {
    return this.draining;
  }

  /** Stops accepting, and resolves when the last connection is closed. */
  async drain(): Promise<void> {
    this.draining = true;
    // Connections that the kernel has completed are accepted in this turn; closing before would reset them.
    await nextTurn();
    const closed = new Promise<void>((resolve) => {
      // Only this stops accepting and does nothing else: http's own close would cut, see above.
      NetServer.prototype.close.call(this.server, () => resolve());
    });
    for (const socket of this.sockets.keys()) this.endAfterLinger(socket);
    await closed;
  }

  /** Cuts whatever is left. */
  destroy(): void {
    for (const socket of this.sockets.keys()) socket.destroy();
  }

  private follow(socket: Socket, response: ServerResponse): void {
    const activity = this.sockets.get(socket);
    if (activity === undefined) return;
    activity.inFlight++;
    response.once("close", () => {
      activity.inFlight--;
      activity.bytesSeen = socket.bytesRead;
      if (this.draining) this.endAfterLinger(socket);
    });
  }

  private endAfterLinger(socket: Socket): void {
    // The turn after the timer's reads what has arrived by now, so that only a request still on the wire can be missed.
    setTimeout(() => setImmediate(() => this.isIdle(socket) && socket.end()), LINGER_MS);
  }

  private isIdle(socket: Socket): boolean {
    const activity = this.sockets.get(socket);
    return activity !== undefined && activity.inFlight === 0 && activity.bytesSeen === socket.bytesRead;
  }
}
