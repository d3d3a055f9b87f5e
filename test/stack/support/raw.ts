import { connect } from "node:tls";

/** What came of bytes that were sent as they are. */
export interface RawAnswer {
  /** Status of the first answer, 0 where there was none. */
  readonly status: number;
  readonly text: string;
  /** How long it took the other side to close the connection. */
  readonly closedAfterMs: number;
}

/**
 * Sends bytes over a TLS connection of its own, past what an HTTP client would refuse to send, and waits until the other side closes it.
 *
 * @param parts Pieces, each sent `everyMs` behind the one before.
 */
export function sendRaw(port: number, parts: readonly string[], everyMs = 0, timeoutMs = 15_000): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    let text = "";
    const socket = connect({ port, host: "127.0.0.1", rejectUnauthorized: false, ALPNProtocols: ["http/1.1"] });
    const deadline = setTimeout(() => {
      socket.destroy();
      reject(new Error(`not closed within ${timeoutMs} ms, after: ${text.slice(0, 200)}`));
    }, timeoutMs);
    let timer: NodeJS.Timeout | undefined;
    socket.on("secureConnect", () => {
      let next = everyMs === 0 ? parts.length : 0;
      if (everyMs === 0) socket.write(parts.join(""), "latin1");
      timer = setInterval(() => {
        const part = parts[next++];
        if (part === undefined) clearInterval(timer);
        else socket.write(part, "latin1");
      }, everyMs);
    });
    socket.on("data", (chunk: Buffer) => (text += chunk.toString("latin1")));
    // A reset is a way to close, too.
    socket.on("error", () => undefined);
    socket.on("close", () => {
      clearTimeout(deadline);
      clearInterval(timer);
      const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1] ?? 0);
      resolve({ status, text, closedAfterMs: performance.now() - started });
    });
  });
}
