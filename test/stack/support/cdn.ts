import { connect } from "node:net";
import { imageReference } from "../../../components/core/images";
import { docker, pause } from "./engine";
import { get } from "./load";

/**
 * An origin whose answers say how often it was asked: `/static/…` is fresh for an hour, `/short/…` for a second, `/bare/…` says nothing of it,
 * `/slow/…` takes three seconds, and `/gone/…` is there until `/remove/…` is asked for.
 */
const ORIGIN = `
let [asked, removed] = [0, false];
require("node:http").createServer((request, response) => {
  asked++;
  const { url, headers } = request;
  response.setHeader("x-asked", asked);
  if (url.startsWith("/static/")) response.setHeader("cache-control", "max-age=3600");
  if (url.startsWith("/remove/")) removed = true;
  if (url.startsWith("/gone/")) { response.statusCode = removed ? 404 : 200; response.setHeader("cache-control", "max-age=3600"); }
  if (url.startsWith("/short/")) response.setHeader("cache-control", "max-age=1");
  if (url.startsWith("/vary/")) { response.setHeader("vary", "accept-language"); response.setHeader("cache-control", "max-age=3600"); }
  if (!url.startsWith("/slow/")) return response.end(JSON.stringify({ url, host: headers.host, headers, asked }));
  response.write("slow ");
  setTimeout(() => response.end("answer"), 3000);
}).listen(8080);
process.on("SIGTERM", () => process.exit());
`;

/** An origin in a container of its own on a stack's network. */
export class Origin {
  private constructor(private readonly container: string) {}

  static async start(label: string, address: string): Promise<Origin> {
    const container = `${label}-origin`;
    await docker(
      ...["run", "--detach", "--init", "--name", container, "--label", `dockyard.stack=${label}`, "--network", `${label}-services`],
      ...["--ip", address, imageReference("shop"), "node", "-e", ORIGIN],
    );
    return new Origin(container);
  }

  async stop(): Promise<void> {
    await docker("stop", "--time", "2", this.container);
  }

  async resume(): Promise<void> {
    await docker("start", this.container);
  }

  async pause(): Promise<void> {
    await pause(this.container);
  }

  async unpause(): Promise<void> {
    await docker("unpause", this.container);
  }
}

/** What an accelerator answers: the status, and the origin's count at the time when the answer was made, which tells a cached one. */
export async function fetched(base: string, path: string, headers?: Record<string, string>): Promise<{ status: number; asked: number }> {
  const { status, headers: got } = await get(`${base}${path}`, { headers });
  return { status, asked: Number(got["x-asked"]) };
}

/** The status line with which a server answers bytes that are no request of an ordinary client. */
export function statusOfRaw(port: number, text: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port, timeout: 10_000 }, () => socket.write(text));
    let answer = "";
    socket.on("data", (chunk) => {
      answer += String(chunk);
      const status = /^HTTP\/1\.\d (\d+)/.exec(answer)?.[1];
      if (status === undefined) return;
      socket.destroy();
      resolve(Number(status));
    });
    socket.on("error", reject);
    socket.on("timeout", () => socket.destroy(new Error("no answer within 10 s")));
    socket.on("end", () => reject(new Error(`closed after "${answer}"`)));
  });
}

/** The lines of an accelerator's access log; each of what it writes to stdout has to be one. */
export async function accessLog(container: string): Promise<Record<string, unknown>[]> {
  return (await docker("logs", container))
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
