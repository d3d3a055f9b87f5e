import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";
import { HOST } from "./net";

/** Consul's KV store and agent as far as the shop uses them, with blocking queries that behave like Consul's. */
export class FakeConsul {
  /** Every request so far: `PUT /v1/kv/upstreams/goods/...`. */
  readonly requests: string[] = [];
  readonly services = new Map<string, Record<string, unknown>>();
  readonly keys = new Map<string, string>();
  /** What the next answers say instead of being carried out. */
  failWith: number | undefined;
  private index = 10;
  private server: Server | undefined;
  private readonly blocked = new Set<() => void>();

  private constructor(private port: number) {}

  /** @param port Where to listen; a free port when it does not matter. */
  static async start(port = 0): Promise<FakeConsul> {
    const consul = new FakeConsul(port);
    await consul.listen();
    onTestFinished(() => consul.stop());
    return consul;
  }

  get url(): string {
    return `http://${HOST}:${this.port}`;
  }

  get blockedQueries(): number {
    return this.blocked.size;
  }

  put(key: string, value = '{"weight":1,"max_fails":2,"fail_timeout":10,"down":0,"backup":0}'): void {
    this.keys.set(key, value);
    this.changed(this.index + 1);
  }

  delete(key: string): void {
    this.keys.delete(key);
    this.changed(this.index + 1);
  }

  /** As after a restore from a snapshot: the index may be lower than before. */
  changed(index: number): void {
    this.index = index;
    for (const answer of [...this.blocked]) answer();
  }

  async listen(): Promise<void> {
    this.server = createServer((req, res) => void this.answer(req, res));
    await new Promise<void>((resolve) => this.server!.listen(this.port, HOST, resolve));
    this.port = (this.server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    const { server } = this;
    this.server = undefined;
    if (server === undefined) return;
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  }

  private async answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const url = new URL(req.url!, this.url);
    this.requests.push(`${req.method} ${req.url}`);
    const body = await text(req);
    if (this.failWith !== undefined) return void res.writeHead(this.failWith).end("No cluster leader");
    if (url.pathname.startsWith("/v1/agent/service/")) return this.answerAgent(url, body, res);

    const key = url.pathname.slice("/v1/kv/".length);
    if (req.method === "PUT") this.put(key, body);
    if (req.method === "DELETE") this.delete(key);
    if (req.method !== "GET") return void res.end("true");

    // Consul holds a query only while its index is not lower than the store's.
    const asked = Number(url.searchParams.get("index") ?? 0);
    if (asked === 0 || asked < this.index) this.answerKeys(key, res);
    else this.block(key, res);
  }

  private block(prefix: string, res: ServerResponse): void {
    const answer = (): void => {
      this.blocked.delete(answer);
      this.answerKeys(prefix, res);
    };
    this.blocked.add(answer);
    res.once("close", () => this.blocked.delete(answer));
  }

  private answerKeys(prefix: string, res: ServerResponse): void {
    const entries = [...this.keys].filter(([key]) => key.startsWith(prefix)).sort();
    res.setHeader("X-Consul-Index", this.index);
    if (entries.length === 0) return void res.writeHead(404).end();
    res.end(JSON.stringify(entries.map(([Key, value]) => ({ Key, Value: Buffer.from(value).toString("base64") }))));
  }

  private answerAgent(url: URL, body: string, res: ServerResponse): void {
    if (url.pathname.endsWith("/register")) {
      const service = JSON.parse(body) as Record<string, unknown>;
      this.services.set(String(service.ID), service);
    } else {
      this.services.delete(url.pathname.split("/").at(-1)!);
    }
    res.end();
  }
}

async function text(req: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of req) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
