import { connect, type ChannelModel, type ConfirmChannel } from "amqplib";
import { readFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import type { Log } from "../log";

export interface BrokerSettings {
  /** `host:port` of the brokers, in the order in which they are tried. */
  readonly endpoints: readonly string[];
  readonly user: string;

  /** File that holds the password; it is read at every connection, so a new one needs no restart. */
  readonly passwordFile: string;
}

const RETRY_MS = 200;
const CONNECT_TIMEOUT_MS = 2_000;
const HEARTBEAT_SECONDS = 5;

/**
 * A channel to one of several brokers, and another one whenever it ends.
 *
 * @param use Called with each channel that opens; what was on the way on the one before is the caller's to repeat.
 */
export class BrokerLink {
  private readonly stopping = new AbortController();
  private running: Promise<void> = Promise.resolve();
  private connection: ChannelModel | undefined;

  constructor(
    private readonly settings: BrokerSettings,
    private readonly use: (channel: ConfirmChannel) => Promise<void>,
    private readonly log: Log,
  ) {}

  start(): void {
    this.running = this.run();
  }

  /** Closes the channel, after what is written to it, and makes no other one. */
  async close(): Promise<void> {
    this.stopping.abort();
    if (this.connection !== undefined) endConnection(this.connection);
    await this.running;
  }

  private async run(): Promise<void> {
    const { endpoints } = this.settings;
    for (let attempt = 0; !this.stopping.signal.aborted; attempt++) {
      const endpoint = endpoints[attempt % endpoints.length]!;
      try {
        await this.hold(endpoint);
      } catch (error) {
        this.log.warn({ endpoint, err: error }, "the broker cannot be used");
      }
      await delay(RETRY_MS, undefined, { signal: this.stopping.signal }).catch(() => undefined);
    }
  }

  /** Resolves when the connection has ended, or rejects when it could not be used. */
  private async hold(endpoint: string): Promise<void> {
    const { user, passwordFile } = this.settings;
    const [hostname = "", port] = endpoint.split(":");
    const password = (await readFile(passwordFile, "utf8")).trim();
    const connection = await connect(
      { protocol: "amqp", hostname, port: Number(port), username: user, password, heartbeat: HEARTBEAT_SECONDS },
      { timeout: CONNECT_TIMEOUT_MS, noDelay: true },
    );
    // Not by once() of node:events: that rejects for an error, also while nobody waits for it yet, and would end the process.
    const ended = new Promise<void>((resolve) => connection.once("close", () => resolve()));
    let fault: Error | undefined;
    connection.on("error", (error: Error) => (fault = error));
    this.connection = connection;
    try {
      const channel = await connection.createConfirmChannel();
      // A channel that fails, as one does whose queue is refused, takes its connection along: both are made anew.
      channel.on("error", (error: Error) => {
        fault = error;
        endConnection(connection);
      });
      await this.use(channel);
      this.log.info({ endpoint }, "connected to the broker");
      if (this.stopping.signal.aborted) endConnection(connection);
      await ended;
    } catch (error) {
      endConnection(connection);
      await ended;
      throw fault ?? error;
    }
    if (fault !== undefined) throw fault;
  }
}

/**
 * Ends a connection, which says so by its event `close`: what amqplib's own promise waits for never comes from a broker that dies before it
 * has answered. One that answers nothing is ended by its heartbeats.
 */
function endConnection(connection: ChannelModel): void {
  void connection.close().catch(() => undefined);
}
