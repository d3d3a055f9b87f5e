import { CONSUL_CLIENT, FOLLOWER, checkShape, listOf, maybe, number, shape, text } from "../core/argument-shape";
import { isIPv4 } from "node:net";
import { CONSUL_CHECK, ConsulCheck, normalizeConsulCheck } from "../core/consul-check";
import type { ConsulClient } from "../core/consul-client";
import type { GatewayFollower } from "../core/consul-registration";
import { Checks } from "../core/errors";
import { DEFAULT_KV_PREFIX, checkKvPrefix } from "../core/kv-prefix";
import { NAME_PATTERN } from "../core/naming";
import { UPSTREAM_ENTRY, UpstreamEntry, normalizeUpstreamEntry } from "../core/upstream-entry";

/** One member of an upstream. */
export interface UpstreamInstance {
  /** IPv4 address that the gateway reaches. */
  address: string;
  port: number;

  /** What gateways are told of it. @default weight 1, maxFails 2, failTimeoutSeconds 10 */
  upstream?: UpstreamEntry;
}

export interface ConsulUpstreamArgs {
  /** Consul cluster that holds the keys. */
  consul: ConsulClient;

  /** Service that the instances belong to. @default the component's name */
  service?: string;

  /** Prefix of the keys in Consul. @default "upstreams" */
  kvPrefix?: string;
  instances: readonly UpstreamInstance[];

  /** Consul's check of every instance. @default TCP, every 10 s, timeout 2 s */
  check?: ConsulCheck;

  /** Gateways that follow the keys. @default none */
  followers?: readonly GatewayFollower[];

  /** Seconds that requests in flight get to end before a removed instance counts as drained. @default 30 */
  drainTimeoutSeconds?: number;
}

const INSTANCE = shape<UpstreamInstance>({ address: text, port: number, upstream: maybe(UPSTREAM_ENTRY) });

const ARGUMENTS = shape<ConsulUpstreamArgs>({
  consul: CONSUL_CLIENT,
  service: maybe(text),
  kvPrefix: maybe(text),
  instances: listOf(INSTANCE),
  check: maybe(CONSUL_CHECK),
  followers: maybe(listOf(FOLLOWER)),
  drainTimeoutSeconds: maybe(number),
});

export type NormalConsulUpstreamArgs = Required<Omit<ConsulUpstreamArgs, "instances" | "check">> & {
  readonly instances: readonly Required<Omit<UpstreamInstance, "upstream"> & { readonly upstream: Required<UpstreamEntry> }>[];
  readonly check: Required<ConsulCheck>;
};

/**
 * Fills in the defaults and refuses what cannot work.
 *
 * @throws {ConfigError} naming every fault at once.
 */
export function normalizeConsulUpstreamArgs(name: string, args: ConsulUpstreamArgs): NormalConsulUpstreamArgs {
  checkShape(name, args, ARGUMENTS);
  const { service = name, kvPrefix = DEFAULT_KV_PREFIX, followers = [], drainTimeoutSeconds = 30, check, ...given } = args;
  const places = args.instances.map(({ address, port }) => `${address}:${port}`);

  const checks = new Checks(name)
    .that(NAME_PATTERN.test(service), "service", service, "must be lower-case letters, digits and inner hyphens")
    .that(new Set(places).size === places.length, "instances", places, "must be different from each other: each owns its key");
  args.instances.forEach(({ address, port }, index) => {
    checks
      .that(
        isIPv4(address),
        `instances[${index}].address`,
        address,
        "must be an IPv4 address: a gateway resolves no names while it balances",
      )
      .that(Number.isInteger(port) && port >= 1 && port <= 65_535, `instances[${index}].port`, port, "must be a port from 1 to 65535");
  });
  checks.that(
    Number.isInteger(drainTimeoutSeconds) && drainTimeoutSeconds >= 1,
    "drainTimeoutSeconds",
    drainTimeoutSeconds,
    "must be a whole number of seconds from 1",
  );
  const routed = followers.flatMap(({ services }) => services);
  checks.that(
    followers.length === 0 || routed.includes(service),
    "service",
    service,
    `must be one that its followers route: ${routed.join(", ")}; add it to the gateway's services or leave followers out`,
  );
  checkKvPrefix(checks, kvPrefix);
  const instances = args.instances.map(({ address, port, upstream }, index) => ({
    address,
    port,
    upstream: normalizeUpstreamEntry(checks, `instances[${index}].upstream`, upstream),
  }));
  const normalCheck = normalizeConsulCheck(checks, check);
  checks.done();

  return {
    ...given,
    service,
    kvPrefix,
    followers,
    drainTimeoutSeconds,
    instances,
    check: normalCheck,
  };
}
