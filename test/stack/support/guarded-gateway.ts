import { type Server, createServer } from "node:http";
import { request } from "node:https";
import { connect } from "node:tls";
import { X509Certificate } from "node:crypto";
import { expect } from "vitest";
import { docker } from "./engine";
import { get, until } from "./load";
import { type Sample, parseExposition } from "./prometheus";
import { type Settings, TestStack, freePorts } from "./test-stack";

/** What the host is on the gateway's network: there the service listens, and from there requests come. */
export const HOST = "10.150.0.1";

interface Asked {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
  readonly timeoutMs?: number;
}

/** A gateway by TLS in front of a service on the machine itself, which notes what it is asked for. */
export class GuardedGateway {
  /** What the service was asked for. */
  readonly seen: { url: string; method: string; headers: Record<string, unknown>; bytes: number }[] = [];
  /** Requests that the service has now. */
  busy = 0;
  private release: () => void = () => undefined;
  private released: Promise<void> = Promise.resolve();
  private readonly service: Server;

  private constructor(
    readonly stack: TestStack,
    /** The first of five ports of the host: of plain HTTP, the admin pages, TLS, Consul and the service. */
    readonly port: number,
  ) {
    this.service = createServer((incoming, outgoing) => {
      this.busy++;
      outgoing.on("close", () => this.busy--);
      let bytes = 0;
      incoming.on("data", (chunk: Buffer) => (bytes += chunk.length));
      incoming.on("end", () => {
        const { url = "", method = "", headers } = incoming;
        this.seen.push({ url, method, headers, bytes });
        if (url === "/own-headers") outgoing.setHeader("X-Frame-Options", "SAMEORIGIN");
        const answer = () => outgoing.end(JSON.stringify({ url, method, client: headers["x-real-ip"], bytes }));
        if (/^\/(slow|reports)/.test(url)) void this.released.then(answer);
        else answer();
      });
    });
  }

  /** @param settings The gateway's arguments, its certificate and its key. */
  static async start(name: string, settings: Settings): Promise<GuardedGateway> {
    const port = await freePorts(5);
    const stack = await TestStack.create(name, { port, ...settings }, "test/stack/programs/gateway-guards/program.cjs");
    const guarded = new GuardedGateway(stack, port);
    await stack.up();
    await new Promise<void>((resolve) => guarded.service.listen(port + 4, HOST, resolve));
    await until("the gateway reaches the service", async () => (await guarded.ask("/ready")).status === 200);
    return guarded;
  }

  async stop(): Promise<void> {
    this.service.closeAllConnections();
    this.service.close();
    await this.stack.remove();
  }

  /** Has the service keep its answers to /slow and /reports until the function is called. */
  hold(): () => void {
    this.released = new Promise((resolve) => (this.release = resolve));
    return () => this.release();
  }

  /** One request over TLS; the body is what the service answered. */
  ask(path: string, { method = "GET", headers, body, timeoutMs: timeout = 10_000 }: Asked = {}) {
    return new Promise<{ status: number; headers: Record<string, unknown>; body: string }>((resolve, reject) => {
      const outgoing = request(
        { host: "127.0.0.1", port: this.port + 2, path, method, headers, agent: false, rejectUnauthorized: false, timeout },
        (incoming) => {
          let text = "";
          incoming.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
          incoming.on("end", () => resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: text }));
          incoming.on("error", reject);
        },
      );
      outgoing.on("timeout", () => outgoing.destroy(new Error("no answer")));
      outgoing.on("error", reject);
      outgoing.end(body);
    });
  }

  /** Requests at once, as one client behind the proxy that this machine is. */
  burst(count: number, path: string, client: string, headers: Record<string, string> = {}) {
    const one = () => this.ask(path, { method: "POST", headers: { "X-Forwarded-For": client, ...headers } });
    return Promise.all(Array.from({ length: count }, one));
  }

  async metrics(): Promise<Sample[]> {
    const page = await get(`http://127.0.0.1:${this.port + 1}/metrics`);
    expect(page.headers["content-type"]).toBe("text/plain; version=0.0.4; charset=utf-8");
    return parseExposition(page.body);
  }

  /** Name in the certificate that is served now. */
  servedName(): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port: this.port + 2, host: "127.0.0.1", rejectUnauthorized: false }, () => {
        resolve(new X509Certificate(socket.getPeerCertificate(true).raw).subject);
        socket.destroy();
      });
      socket.on("error", reject);
    });
  }

  configuration(): Promise<string> {
    return docker("exec", this.stack.container("gateway-1"), "cat", "/etc/gateway/current/nginx.conf");
  }

  /** Process ids of nginx's workers. */
  async workerIds(): Promise<string[]> {
    const script = 'for f in /proc/[0-9]*; do grep -qs "^nginx: worker" "$f/cmdline" && echo "${f#/proc/}"; done; true';
    return (await docker("exec", this.stack.container("gateway-1"), "sh", "-c", script)).split("\n").filter(Boolean).sort();
  }

  /** Memory of nginx's processes that is theirs alone, in KiB. */
  async memoryKiB(): Promise<number> {
    const script = 'for f in /proc/[0-9]*/status; do grep -qs "^Name:.nginx" "$f" && grep RssAnon "$f"; done; true';
    const lines = await docker("exec", this.stack.container("gateway-1"), "sh", "-c", script);
    return [...lines.matchAll(/(\d+) kB/g)].reduce((sum, [, kib]) => sum + Number(kib), 0);
  }

  /** Has three clients ask over a new connection each time, as fast as answers come, while `work` runs; tells what went wrong. */
  async asking(work: () => Promise<unknown>): Promise<{ sent: number; failures: string[] }> {
    const failures: string[] = [];
    let [sent, ended] = [0, false];
    const one = async () => {
      while (!ended) {
        sent++;
        const { status } = await this.ask("/goods/1").catch((error: unknown) => ({ status: String(error) }));
        if (status !== 200) failures.push(String(status));
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    };
    const clients = [one(), one(), one()];
    try {
      await work();
    } finally {
      ended = true;
      await Promise.all(clients);
    }
    return { sent, failures };
  }
}

/** How often each status is among the answers. */
export function statuses(answers: readonly { status: number }[]): Record<number, number> {
  const counts: Record<number, number> = {};
  for (const { status } of answers) counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}
