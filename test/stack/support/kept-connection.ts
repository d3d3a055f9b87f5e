import { Socket, connect } from "node:net";

/** A connection that a client keeps open: what came over it, and when it was told that it has ended. */
export class KeptConnection {
  received = "";
  endedAt: number | undefined;

  private constructor(private readonly socket: Socket) {
    socket.on("data", (chunk) => (this.received += String(chunk)));
    socket.on("end", () => this.end());
    socket.on("error", () => this.end());
  }

  static open(host: string, port: number): Promise<KeptConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port });
      socket.once("error", reject);
      socket.once("connect", () => resolve(new KeptConnection(socket)));
    });
  }

  ask(): void {
    this.socket.write("GET / HTTP/1.1\r\nHost: kept\r\n\r\n");
  }

  get answers(): number {
    return this.received.split("HTTP/1.1 200").length - 1;
  }

  close(): void {
    this.socket.destroy();
  }

  private end(): void {
    this.endedAt ??= Date.now();
  }
}
