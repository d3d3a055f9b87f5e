import { once } from "node:events";
import { connect, type ClientHttp2Session, type IncomingHttpHeaders, type OutgoingHttpHeaders } from "node:http2";

/** A session with a gateway whose certificate is the test's own. */
export function http2Session(url: string): ClientHttp2Session {
  return connect(url, { rejectUnauthorized: false });
}

/**
 * Begins a request of so many bytes and sends fewer.
 *
 * @returns its status once there is one, or 0 where the stream ends without.
 */
export function unfinished(session: ClientHttp2Session, headers: OutgoingHttpHeaders, bytes: number): Promise<number> {
  const stream = session.request({ ":method": "POST", "content-length": bytes * 2, ...headers }, { endStream: false });
  stream.write(Buffer.alloc(bytes));
  return new Promise((resolve) => {
    stream.on("response", (answer) => resolve(answer[":status"] ?? 0));
    // One that is refused may be told so twice, by its status and by a reset.
    stream.on("error", () => resolve(0));
    stream.on("close", () => resolve(0));
    stream.resume();
  });
}

/** One exchange; a body goes out in frames, without a word of its length. */
export async function overHttp2(session: ClientHttp2Session, headers: OutgoingHttpHeaders, ...chunks: readonly string[]) {
  const stream = session.request(headers, { endStream: chunks.length === 0 });
  for (const chunk of chunks) stream.write(chunk);
  stream.end();
  const [answered] = (await once(stream, "response")) as [IncomingHttpHeaders & { ":status": number }];
  let body = "";
  for await (const chunk of stream) body += String(chunk);
  return { status: answered[":status"], headers: answered, body };
}
