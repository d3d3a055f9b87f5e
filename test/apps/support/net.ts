import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { Worker } from "node:worker_threads";
import pino from "pino";
import { onTestFinished } from "vitest";
import type { UpstreamMember } from "../../../apps/shop/src/discovery/upstream";
import { FrameDecoder } from "../../../apps/shop/src/rpc/frame";
import { RpcServer } from "../../../apps/shop/src/rpc/server";
import type { RpcMethods, ServerConnectionLimits } from "../../../apps/shop/src/rpc/server-connection";

export const HOST = "127.0.0.1";
export const silentLog = pino({ level: "silent" });

export interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
}

export function deferred<T = void>(): Deferred<T> {
  let resolve!: (value: T) => void;
  const promise = new Promise<T>((settle) => (resolve = settle));
  return { promise, resolve };
}

export function member(port: number, changes: Partial<UpstreamMember> = {}): UpstreamMember {
  return { host: HOST, port, weight: 1, maxFails: 2, failTimeoutSeconds: 10, down: false, backup: false, ...changes };
}

/** A port that nothing listens on. */
export async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A real RPC server that lives as long as the test. */
export async function rpcServer(
  methods: RpcMethods,
  limits?: Partial<ServerConnectionLimits>,
): Promise<{ server: RpcServer; port: number }> {
  const server = new RpcServer(methods, silentLog, limits);
  const { port } = await server.listen(HOST, 0);
  onTestFinished(() => server.destroy());
  return { server, port };
}

/** A TCP server that does with each connection what the test says, and counts them. */
export async function tcpServer(onConnection: (socket: Socket) => void): Promise<{ port: number; sockets: Socket[] }> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    socket.on("error", () => undefined);
    onConnection(socket);
  });
  const port = await listen(server);
  onTestFinished(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return { port, sockets };
}

/** A port that drops whoever wants to connect, as a host that is switched off does: its queue is full and nobody empties it. */
export async function blackHole(): Promise<number> {
  const worker = new Worker(
    `const { parentPort } = require("node:worker_threads");
     const server = require("node:net").createServer().listen({ host: "${HOST}", port: 0, backlog: 1 }, () => {
       parentPort.postMessage(server.address().port);
       setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
     });`,
    { eval: true },
  );
  const port = await new Promise<number>((resolve) => worker.once("message", resolve));
  const fillers = Array.from({ length: 8 }, () => connect({ host: HOST, port }).on("error", () => undefined));
  // The queue is full when some of the connections are through and the others cannot be.
  await Promise.race(fillers.map((filler) => new Promise((resolve) => filler.once("connect", resolve))));
  onTestFinished(async () => {
    for (const filler of fillers) filler.destroy();
    await worker.terminate();
  });
  return port;
}

/** A client that sends whatever bytes the test likes and reads one message after the other. */
export class RawClient {
  /** Resolves when the server has closed its side. */
  readonly closed: Promise<void>;
  private readonly decoder = new FrameDecoder();
  private readonly messages: unknown[] = [];
  private readonly waiting: ((message: unknown) => void)[] = [];

  private constructor(readonly socket: Socket) {
    this.closed = new Promise((resolve) => socket.once("end", resolve).once("close", () => resolve()));
    socket.on("error", () => undefined);
    socket.on("data", (chunk) => {
      for (const body of this.decoder.push(chunk)) this.take(JSON.parse(body.toString()));
    });
  }

  static async open(port: number): Promise<RawClient> {
    const socket = connect({ host: HOST, port, noDelay: true, allowHalfOpen: true });
    await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
    onTestFinished(() => void socket.destroy());
    return new RawClient(socket);
  }

  send(bytes: Buffer): void {
    this.socket.write(bytes);
  }

  next(): Promise<unknown> {
    if (this.messages.length > 0) return Promise.resolve(this.messages.shift());
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  private take(message: unknown): void {
    const reader = this.waiting.shift();
    if (reader === undefined) this.messages.push(message);
    else reader(message);
  }
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve) => server.listen(0, HOST, () => resolve((server.address() as AddressInfo).port)));
}
