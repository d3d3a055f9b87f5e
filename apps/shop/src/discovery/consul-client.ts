import { request, type IncomingHttpHeaders } from "node:http";

export interface ConsulRequest {
  readonly method?: "GET" | "PUT" | "DELETE";
  /** Path below `/v1` with its query: `/kv/upstreams/goods?recurse`. */
  readonly path: string;
  /** Sent as JSON, or as it is when it is a string. */
  readonly body?: unknown;
  /** Time for the whole exchange. @default 3000 */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface ConsulResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** The server that answered. */
  readonly server: string;
}

/** A server that is away should cost little before the next one is asked. */
const CONNECT_TIMEOUT_MS = 1_000;
const DEFAULT_TIMEOUT_MS = 3_000;

/** No server gave an answer that can be used; the message names each with its fault. */
export class ConsulUnavailableError extends Error {
  constructor(faults: readonly string[]) {
    super(`Consul is unavailable: ${faults.join(", ")}`);
    this.name = "ConsulUnavailableError";
  }
}

/** Speaks to one of several Consul servers, stays with it while it answers and moves on when it does not. */
export class ConsulClient {
  private current = 0;

  constructor(private readonly servers: readonly string[]) {}

  /**
   * Asks the current server only; its failure makes the next one current.
   *
   * @throws {ConsulUnavailableError}
   */
  async ask(ask: ConsulRequest): Promise<ConsulResponse> {
    const index = this.current;
    const server = this.servers[index]!;
    try {
      return await this.exchange(server, ask);
    } catch (error) {
      // Of several requests that fail together only one moves on, or they would leap over a good server.
      if (this.current === index) this.current = (index + 1) % this.servers.length;
      throw new ConsulUnavailableError([`${server} (${(error as Error).message})`]);
    }
  }

  /**
   * Asks every server in turn until one answers.
   *
   * @throws {ConsulUnavailableError}
   */
  async askAny(ask: ConsulRequest): Promise<ConsulResponse> {
    const faults: string[] = [];
    // Another request may make another server current meanwhile; this one still asks each of them once.
    const inTurn = [...this.servers.slice(this.current), ...this.servers.slice(0, this.current)];
    for (const server of inTurn) {
      try {
        const response = await this.exchange(server, ask);
        this.current = this.servers.indexOf(server);
        return response;
      } catch (error) {
        faults.push(`${server} (${(error as Error).message})`);
        if (ask.signal?.aborted) break;
      }
    }
    throw new ConsulUnavailableError(faults);
  }

  /** Asks one server by its address: an agent's services are known to that agent alone. */
  async askServer(server: string, ask: ConsulRequest): Promise<ConsulResponse> {
    try {
      return await this.exchange(server, ask);
    } catch (error) {
      throw new ConsulUnavailableError([`${server} (${(error as Error).message})`]);
    }
  }

  private async exchange(server: string, ask: ConsulRequest): Promise<ConsulResponse> {
    const response = await send(server, ask);
    // Without a leader a server answers 500, under its rate limit 429: another one may do better.
    const usable = (response.status >= 200 && response.status < 300) || response.status === 404;
    if (!usable) throw new Error(`answered ${response.status}: ${response.body.slice(0, 200).trim()}`);
    return response;
  }
}

function send(
  server: string,
  { method = "GET", path, body, timeoutMs = DEFAULT_TIMEOUT_MS, signal }: ConsulRequest,
): Promise<ConsulResponse> {
  return new Promise((resolve, reject) => {
    // A connection of its own per request: queries are minutes apart, and a pooled one may have died unnoticed since.
    const req = request(`${server}/v1${path}`, { method, signal, agent: false, headers: { connection: "close" } });
    const fail = (reason: string): void => void req.destroy(new Error(reason));
    const whole = setTimeout(() => fail(`no answer within ${timeoutMs} ms`), timeoutMs);
    const connecting = setTimeout(() => fail(`no connection within ${CONNECT_TIMEOUT_MS} ms`), CONNECT_TIMEOUT_MS);

    req.once("socket", (socket) => {
      socket.setKeepAlive(true, 5_000);
      socket.once("connect", () => clearTimeout(connecting));
    });
    req.once("error", reject);
    req.once("close", () => {
      clearTimeout(whole);
      clearTimeout(connecting);
    });
    req.once("response", (res) => {
      const chunks: Buffer[] = [];
      res.on("data", (chunk: Buffer) => chunks.push(chunk));
      res.once("error", reject);
      res.once("end", () =>
        resolve({ status: res.statusCode ?? 0, headers: res.headers, body: Buffer.concat(chunks).toString("utf8"), server }),
      );
    });
    req.end(body === undefined || typeof body === "string" ? body : JSON.stringify(body));
  });
}
