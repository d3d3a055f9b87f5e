import { setTimeout as delay } from "node:timers/promises";
import { ConsulClient } from "./discovery/consul-client";
import { SelfRegistration } from "./discovery/self-registration";
import { startGoods } from "./goods/goods-part";
import { HttpServer } from "./http/server";
import type { Log } from "./log";
import { startOrder } from "./order/order-part";
import type { ServicePart } from "./part";
import { RpcServer } from "./rpc/server";
import type { Settings } from "./settings";
import { startStatistics } from "./statistics/statistics-part";
import { startTraffic } from "./traffic/traffic-part";

/** Time from the removal of the keys until those who follow them are sure to have read it. */
const NOTICE_MS = 500;
/** Time that a start waits to learn whom it can ask; after that it listens all the same and says what it does not know. */
const READY_MS = 1_000;

/** An instance of one of the services: listens, lets itself be found, and leaves in the opposite order. */
export class Service {
  private readonly part: ServicePart;
  private readonly http: HttpServer;
  private readonly rpc: RpcServer;
  private readonly registration: SelfRegistration | undefined;

  constructor(
    private readonly settings: Settings,
    private readonly log: Log,
  ) {
    const { service, instance, consulUrls, selfRegistration } = settings;
    const consul = new ConsulClient(consulUrls);
    this.part = startPart(settings, consul, log);
    this.rpc = new RpcServer(this.part.methods, log);
    this.http = new HttpServer({ service, instance, routes: this.part.routes, log });
    this.registration = selfRegistration && new SelfRegistration(consul, settings, selfRegistration, log);
  }

  /** Resolves when both ports listen. HTTP comes last, so that whoever gets an answer from `/health` finds both. */
  async start(): Promise<void> {
    const { address, httpPort, rpcPort } = this.settings.listen;
    await Promise.race([this.part.ready, delay(READY_MS)]);
    await this.rpc.listen(address, rpcPort);
    await this.http.listen(address, httpPort);
    this.log.info({ listen: this.settings.listen }, "listening");
    this.registration?.start();
  }

  /** Resolves when every request has been answered and every connection closed, or at the latest after `deadlineMs`. */
  async stop(deadlineMs: number): Promise<void> {
    const late = setTimeout(() => this.cut(), deadlineMs);
    this.http.announceLeaving();
    if (this.registration !== undefined) {
      await this.registration.leave();
      await delay(NOTICE_MS);
    }
    await Promise.all([this.http.drain(), this.rpc.drain()]);
    await this.part.close();
    clearTimeout(late);
  }

  private cut(): void {
    this.log.warn("requests are still in flight at the deadline and are cut");
    this.http.destroy();
    this.rpc.destroy();
  }
}

function startPart(settings: Settings, consul: ConsulClient, log: Log): ServicePart {
  switch (settings.service) {
    case "goods":
      return startGoods(settings, log);
    case "order":
      return startOrder(settings, consul, log);
    case "statistics":
      if (settings.events === undefined) throw new TypeError("statistics are of events, and no broker is set");
      return startStatistics(settings.instance, settings.events, log);
    case "traffic":
      if (settings.stream === undefined) throw new TypeError("traffic is of a stream, and none is set");
      return startTraffic(settings.instance, settings.stream, log);
  }
}
