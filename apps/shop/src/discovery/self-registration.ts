import { setTimeout as delay } from "node:timers/promises";
import type { Log } from "../log";
import type { Settings, SelfRegistrationSettings } from "../settings";
import type { ConsulClient, ConsulRequest } from "./consul-client";
import { memberValue, rpcUpstream } from "./upstream";

const MAX_BACKOFF_MS = 5_000;
/** What leaving may cost when Consul is away; the instance has requests in flight to see to. */
const LEAVE_TIMEOUT_MS = 2_000;

/** An instance's own keys and its Consul service: put when it listens, taken away before it stops. */
export class SelfRegistration {
  private readonly stopping = new AbortController();
  private running: Promise<void> = Promise.resolve();
  /** The server that took the registration: a service is known to that agent alone. */
  private agent: string | undefined;

  constructor(
    private readonly consul: ConsulClient,
    private readonly settings: Settings,
    private readonly registration: SelfRegistrationSettings,
    private readonly log: Log,
  ) {}

  /** Returns at once: an instance serves whether or not Consul is there to hear of it. */
  start(): void {
    this.running = this.enter(this.stopping.signal);
  }

  /** Takes keys and service away, whatever became of the registration. */
  async leave(): Promise<void> {
    this.stopping.abort();
    // A request on its way is awaited, not cut: Consul might carry it out after the deletion that follows.
    await Promise.race([this.running, delay(LEAVE_TIMEOUT_MS / 2)]);

    const signal = AbortSignal.timeout(LEAVE_TIMEOUT_MS);
    const agents = this.agent === undefined ? this.settings.consulUrls : [this.agent];
    const deregister: ConsulRequest = { method: "PUT", path: `/agent/service/deregister/${this.settings.instance}`, signal };
    const outcomes = await Promise.allSettled([
      ...this.keys().map((key) => this.consul.askAny({ method: "DELETE", path: `/kv/${key}`, signal })),
      ...agents.map((agent) => this.consul.askServer(agent, deregister)),
    ]);

    const faults = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [String(outcome.reason)] : []));
    if (faults.length === 0) this.log.info({ keys: this.keys() }, "left consul");
    else this.log.warn({ keys: this.keys(), faults }, "could not leave consul; what is named here may still be there");
  }

  private async enter(signal: AbortSignal): Promise<void> {
    for (let backoffMs = 250; !signal.aborted; backoffMs = Math.min(MAX_BACKOFF_MS, backoffMs * 2)) {
      try {
        return await this.register(signal);
      } catch (error) {
        if (signal.aborted) return;
        this.log.warn({ fault: (error as Error).message, retryMs: backoffMs }, "could not register with consul");
        await delay(backoffMs, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  private async register(signal: AbortSignal): Promise<void> {
    // The service goes first, so that nothing is routed to an instance that Consul does not watch.
    const { server } = await this.consul.askAny({
      method: "PUT",
      path: "/agent/service/register?replace-existing-checks=true",
      body: this.service(),
    });
    this.agent = server;
    for (const key of this.keys()) {
      if (signal.aborted) return;
      await this.consul.askAny({ method: "PUT", path: `/kv/${key}`, body: memberValue(this.registration.weight) });
    }
    this.log.info({ keys: this.keys(), agent: server }, "registered with consul");
  }

  private keys(): readonly string[] {
    const { service, upstreamPrefix, listen } = this.settings;
    return [
      `${upstreamPrefix}/${service}/${listen.address}:${listen.httpPort}`,
      `${upstreamPrefix}/${rpcUpstream(service)}/${listen.address}:${listen.rpcPort}`,
    ];
  }

  private service(): unknown {
    const { service, instance, listen } = this.settings;
    const check = (name: string, port: number): unknown => ({
      CheckID: `${instance}-${name}`,
      Name: `${instance} ${name}`,
      TCP: `${listen.address}:${port}`,
      Interval: this.registration.checkInterval,
      Timeout: this.registration.checkTimeout,
    });
    return {
      ID: instance,
      Name: service,
      Address: listen.address,
      Port: listen.httpPort,
      Meta: { rpc_port: String(listen.rpcPort) },
      Weights: { Passing: this.registration.weight, Warning: 1 },
      Checks: [check("http", listen.httpPort), check("rpc", listen.rpcPort)],
    };
  }
}
