import fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import type { AddressInfo } from "node:net";
import type { Log } from "../log";
import { HttpDrain } from "./drain";
import { HttpError } from "./errors";

/** Adds a part's paths to the server. */
export type HttpRoutes = (app: FastifyInstance) => void;

export interface HttpServerArgs {
  readonly service: string;
  readonly instance: string;
  readonly routes: HttpRoutes;
  readonly log: Log;
}

/** Serves a part's paths, `/health` beside them, and leaves without cutting a request. */
export class HttpServer {
  private readonly app: FastifyInstance;
  private readonly drainer: HttpDrain;
  private leaving = false;

  constructor(private readonly args: HttpServerArgs) {
    this.app = fastify({
      // nginx keeps idle upstream connections for 60 s (keepalive_timeout). Whoever closes first must be nginx:
      // if it sent a request just as this side closes, the request would be lost.
      keepAliveTimeout: 75_000,
      requestTimeout: 10_000,
      bodyLimit: 64 * 1024,
    });
    this.drainer = new HttpDrain(this.app.server);
    this.app.addHook("onRequest", async (_request, reply) => void reply.header("x-instance", args.instance));
    this.app.addHook("onSend", async (_request, reply) => {
      if (this.drainer.isDraining) reply.header("connection", "close");
    });
    this.app.addHook("onResponse", async (request, reply) => this.logRequest(request, reply));
    this.app.setErrorHandler<FastifyError | HttpError>((error, _request, reply) => this.answerError(error, reply));
    this.app.setNotFoundHandler((request) => {
      throw new HttpError(404, "not_found", `there is no ${request.method} ${request.url}`);
    });
    this.app.get("/health", (_request, reply) => this.answerHealth(reply));
    args.routes(this.app);
  }

  async listen(host: string, port: number): Promise<AddressInfo> {
    await this.app.listen({ host, port });
    return this.app.server.address() as AddressInfo;
  }

  /** From now on `/health` says that the instance leaves; everything else is served as before. */
  announceLeaving(): void {
    this.leaving = true;
  }

  /** Stops accepting, answers what is in flight, and resolves when the last connection is closed. */
  async drain(): Promise<void> {
    this.announceLeaving();
    await this.drainer.drain();
    await this.app.close();
  }

  /** Cuts whatever is left. */
  destroy(): void {
    this.drainer.destroy();
  }

  private answerHealth(reply: FastifyReply): FastifyReply {
    const { service, instance } = this.args;
    return reply.status(this.leaving ? 503 : 200).send({ status: this.leaving ? "leaving" : "ok", service, instance });
  }

  private answerError(error: FastifyError | HttpError, reply: FastifyReply): FastifyReply {
    if (error instanceof HttpError) return reply.status(error.status).send({ error: error.code, message: error.message, ...error.details });
    const status = error.statusCode ?? 500;
    if (status < 500) return reply.status(status).send({ error: "bad_request", message: error.message });
    this.args.log.error({ err: error }, "request failed");
    return reply.status(500).send({ error: "internal", message: "the request failed; the instance's log tells why" });
  }

  private logRequest(request: FastifyRequest, reply: FastifyReply): void {
    // Probes come every few seconds and would bury the rest.
    const level = request.url === "/health" && reply.statusCode === 200 ? "debug" : "info";
    const durationMs = Math.round(reply.elapsedTime * 10) / 10;
    this.args.log[level](
      { method: request.method, url: request.url, status: reply.statusCode, durationMs, from: request.ip },
      "http request",
    );
  }
}
