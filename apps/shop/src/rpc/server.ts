import { createServer, type AddressInfo, type Server } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Log } from "../log";
import { ServerConnection, type RpcMethods, type ServerConnectionLimits } from "./server-connection";

const DEFAULT_LIMITS: ServerConnectionLimits = {
  idleMs: 90_000,
  frameMs: 10_000,
  maxInFlight: 256,
  maxUnreadBytes: 1024 * 1024,
  lingerMs: 500,
};

/** Serves JSON-RPC 2.0 in length-prefixed frames over TCP. */
export class RpcServer {
  private readonly server: Server;
  private readonly connections = new Set<ServerConnection>();

  constructor(methods: RpcMethods, log: Log, limits: Partial<ServerConnectionLimits> = {}) {
    const merged = { ...DEFAULT_LIMITS, ...limits };
    this.server = createServer({ allowHalfOpen: true }, (socket) => {
      const connection = new ServerConnection(socket, methods, merged, log);
      this.connections.add(connection);
      void connection.closed.then(() => this.connections.delete(connection));
    });
  }

  async listen(host: string, port: number): Promise<AddressInfo> {
    await new Promise<void>((resolve, reject) => {
      this.server.once("error", reject).listen(port, host, () => {
        this.server.off("error", reject);
        resolve();
      });
    });
    return this.server.address() as AddressInfo;
  }

  /** Stops accepting, answers what is in flight, and resolves when the last connection is closed. */
  async drain(): Promise<void> {
    // Connections that the kernel has completed are accepted in this turn; closing before would reset them.
    await nextTurn();
    const stopped = new Promise<void>((resolve) => this.server.close(() => resolve()));
    await Promise.all([stopped, ...[...this.connections].map((connection) => connection.drain())]);
  }

  /** Cuts whatever is left. */
  destroy(): void {
    this.server.close();
    for (const connection of this.connections) connection.destroy();
  }
}
