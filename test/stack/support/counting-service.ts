import { type IncomingMessage, type Server, type ServerResponse, createServer } from "node:http";

/** A service in the test's own process that counts what it is asked, and fails when it is told to. */
export class CountingService {
  /** Times of the requests, in ms. */
  readonly times: number[] = [];
  /** Status of its answers. */
  status = 200;
  /** How long it takes for an answer, in ms. */
  delayMs = 0;
  private readonly server: Server = createServer((request, response) => this.answer(request, response));

  /** Listens on an address of the machine that containers reach. @returns the port. */
  async start(address: string): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.server.once("error", reject);
      this.server.listen(0, address, 4096, () => resolve());
    });
    const bound = this.server.address();
    if (bound === null || typeof bound === "string") throw new Error("the service has no port");
    return bound.port;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  /** Requests that came while `work` ran. */
  async countDuring(work: () => Promise<unknown>): Promise<number> {
    const before = this.times.length;
    await work();
    return this.times.length - before;
  }

  private answer({ url = "" }: IncomingMessage, response: ServerResponse): void {
    this.times.push(performance.now());
    const headers: Record<string, string> = { "content-type": "application/json" };
    // What a path ends in says how its answer is to be treated.
    if (url.endsWith("private")) headers["cache-control"] = "private";
    if (url.endsWith("cookie")) headers["set-cookie"] = "who=me";
    if (url.endsWith("large")) headers["x-size"] = "large";
    if (url.endsWith("elsewhere")) headers["x-accel-redirect"] = "/shared/1";
    const answer = () => {
      response.writeHead(this.status, headers);
      response.end(url.endsWith("large") ? "x".repeat(70_000) : JSON.stringify({ url }));
    };
    if (this.delayMs === 0) answer();
    else setTimeout(answer, this.delayMs);
  }
}

/** How many of these times, in ms, lie in each second from `began` on. */
export function perSecond(times: readonly number[], began: number): number[] {
  const counts: number[] = [];
  for (const time of times) {
    const second = Math.floor((time - began) / 1000);
    counts[second] = (counts[second] ?? 0) + 1;
  }
  return Array.from(counts, (count = 0) => count);
}

/**
 * By how many requests a service was ahead of `rate` a second from `began` on, at the most; what comes late is never ahead.
 *
 * The first may come at once.
 */
export function ahead(times: readonly number[], began: number, rate: number): number {
  return Math.max(0, ...times.map((time, index) => index - (rate * (time - began)) / 1000));
}
