import { isIPv4 } from "node:net";
import {
  NETWORK,
  PLACEMENT,
  callback,
  checkShape,
  instanceOf,
  listOf,
  maybe,
  number,
  numberOrNull,
  shape,
  text,
  texts,
} from "../core/argument-shape";
import { Checks, bounded } from "../core/errors";
import type { Placement } from "../core/host";
import { imageReference } from "../core/images";
import { NAME_PATTERN } from "../core/naming";
import type { ContainerTransform } from "../core/container-transform";
import type { ServiceNetwork } from "../core/service-network";
import { EXPIRY_RULE, SquidExpiryRule, cacheMemoryMiB, checkCache, checkExpiry, normalizeExpiryRule, whole } from "./cache-args";
import { SQUID_PORT } from "./squid-conf";

/** A server that the cached files come from. */
export interface SquidOrigin {
  /** Name or IPv4 address, as the accelerators reach it. */
  readonly host: string;

  /** Port of its HTTP. */
  readonly port: number;
}

export interface SquidCdnArgs {
  /** Network that the accelerators join; their addresses come from it. */
  network: ServiceNetwork;

  /** Hosts to spread the accelerators over. @default the network's */
  placement?: Placement;

  /** Servers that the files come from, in turn; one that does not answer is left out until it does. */
  origins: readonly SquidOrigin[];

  /** `Host` that the origins are asked with. @default the client's */
  originHost?: string;

  /** Names and IPv4 addresses by which clients call the CDN, without ports; whoever calls it otherwise is refused. */
  domains: readonly string[];

  /** Accelerators, 1 to 5, each with a cache of its own. @default 1 */
  accelerators?: number;

  /** Room on disk of each accelerator's cache in MiB; it changes while squid runs. @default 256 */
  cacheMiB?: number;

  /** Largest file that is cached, in MiB. @default 16 */
  maxObjectMiB?: number;

  /** Rules for what the origin does not say. @default none: fresh for a fifth of its age, three days at most */
  expiry?: readonly SquidExpiryRule[];

  /** Seconds past its freshness for which a file is served while the origins are down or answer with 5xx, if they do not forbid it. @default 604800, a week */
  staleIfErrorSeconds?: number;

  /** Seconds to connect to an origin. @default 1 */
  connectTimeoutSeconds?: number;

  /** Seconds of silence that an origin is granted; a stale file is served after it. @default 10 */
  readTimeoutSeconds?: number;

  /** Memory limit of each accelerator in MiB; what squid does not need itself holds the files that are asked for most. @default 128 */
  memoryMiB?: number;

  /** CPUs that an accelerator may use; squid uses one. @default 1 */
  cpus?: number;

  /** Port on each host's loopback for the first accelerator; accelerator n gets the one n − 1 behind it. Null publishes none. @default 3128 */
  port?: number | null;

  /** Image with squid 6, curl, awk and a shell, whose user may write /var/cache/squid. @default Dockyard's own */
  image?: string;

  /** `uid:gid` that the image's software runs as. @default "10013:10013" */
  user?: string;

  /** What the engine keeps of each accelerator's log, in MiB, for a reader that was away. @default 30, and none of the options that a reader needs */
  logMiB?: number;

  /** Data volumes that may be deleted, by their name on the engine. @default none */
  allowDataLoss?: readonly string[];

  /** Last word on each accelerator's container. @default none */
  transform?: ContainerTransform;
}

const ARGUMENTS = shape<SquidCdnArgs>({
  network: NETWORK,
  placement: maybe(PLACEMENT),
  origins: listOf(instanceOf("host and a port", "host", "port")),
  originHost: maybe(text),
  domains: texts,
  accelerators: maybe(number),
  cacheMiB: maybe(number),
  maxObjectMiB: maybe(number),
  expiry: maybe(listOf(EXPIRY_RULE)),
  staleIfErrorSeconds: maybe(number),
  connectTimeoutSeconds: maybe(number),
  readTimeoutSeconds: maybe(number),
  memoryMiB: maybe(number),
  cpus: maybe(number),
  port: maybe(numberOrNull),
  image: maybe(text),
  user: maybe(text),
  logMiB: maybe(number),
  allowDataLoss: maybe(texts),
  transform: maybe(callback),
});

export type NormalSquidCdnArgs = Required<Omit<SquidCdnArgs, "transform" | "logMiB" | "expiry" | "originHost">> &
  Pick<SquidCdnArgs, "transform" | "logMiB"> & {
    readonly originHost: string | null;
    readonly expiry: readonly Required<SquidExpiryRule>[];
    /** What is left of the memory for files. */
    readonly cacheMemoryMiB: number;
  };

/**
 * Fills in the defaults and refuses what cannot work.
 *
 * @throws {ConfigError} naming every fault at once.
 */
export function normalizeSquidCdnArgs(name: string, args: SquidCdnArgs): NormalSquidCdnArgs {
  checkShape(name, args, ARGUMENTS);
  const {
    placement = args.network.placement,
    originHost = null,
    accelerators = 1,
    cacheMiB = 256,
    maxObjectMiB = 16,
    expiry = [],
    staleIfErrorSeconds = 604_800,
    connectTimeoutSeconds = 1,
    readTimeoutSeconds = 10,
    memoryMiB = 128,
    cpus = 1,
    port = 3128,
    image = imageReference("squid"),
    user = "10013:10013",
    allowDataLoss = [],
    ...given
  } = args;
  const normal: NormalSquidCdnArgs = {
    ...given,
    placement,
    originHost,
    accelerators,
    cacheMiB,
    maxObjectMiB,
    expiry: expiry.map(normalizeExpiryRule),
    staleIfErrorSeconds,
    connectTimeoutSeconds,
    readTimeoutSeconds,
    memoryMiB,
    cacheMemoryMiB: cacheMemoryMiB(memoryMiB, cacheMiB),
    cpus,
    port,
    image,
    user,
    allowDataLoss,
  };
  const checks = new Checks(name);
  checkAccelerators(checks, name, normal);
  checkCache(checks, normal);
  checkOrigins(checks, name, normal);
  checkDomains(checks, normal);
  checkExpiry(checks, normal);
  checks.done();
  return { ...normal, accelerators: bounded(accelerators, 1, 5) };
}

function checkAccelerators(checks: Checks, name: string, args: NormalSquidCdnArgs): void {
  const { accelerators, cpus, port, staleIfErrorSeconds, connectTimeoutSeconds, readTimeoutSeconds } = args;
  checks
    .that(
      NAME_PATTERN.test(name),
      "name",
      name,
      "must be lower-case letters, digits and inner hyphens, since the accelerators are called by it",
    )
    .that(whole(accelerators, 1, 5), "accelerators", accelerators, "must be 1 to 5: each one asks the origins for itself")
    .that(cpus > 0, "cpus", cpus, "must be more than 0")
    .that(
      port === null || (whole(port, 1, 65_535) && port + accelerators - 1 <= 65_535),
      "port",
      port,
      "must leave a port up to 65535 for every accelerator, or be null to publish none",
    )
    .that(
      whole(staleIfErrorSeconds, 0, 31_536_000),
      "staleIfErrorSeconds",
      staleIfErrorSeconds,
      "must be whole seconds from 0, for never, to a year",
    )
    .that(whole(connectTimeoutSeconds, 1, 60), "connectTimeoutSeconds", connectTimeoutSeconds, "must be 1 to 60 whole seconds")
    .that(whole(readTimeoutSeconds, 1, 3600), "readTimeoutSeconds", readTimeoutSeconds, "must be 1 to 3600 whole seconds");
}

/** A DNS name in lower case. */
const HOST_PATTERN = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/;

function checkOrigins(
  checks: Checks,
  name: string,
  { network, accelerators, origins, originHost, port, placement }: NormalSquidCdnArgs,
): void {
  const nodes = bounded(accelerators, 1, 5);
  const own = [name, ...Array.from({ length: nodes }, (_, index) => `${name}-${index + 1}`), ...network.addressesOf(name, nodes)];
  const published = port === null ? [] : Array.from({ length: nodes }, (_, index) => `${placement.hostFor(index).address}:${port + index}`);
  checks.that(origins.length > 0, "origins", origins, 'must name a server, such as { host: "10.0.0.5", port: 80 }');
  origins.forEach((origin, index) => {
    const path = `origins[${index}]`;
    const shown = `${origin.host}:${origin.port}`;
    const itself =
      /^(localhost|0\.0\.0\.0|127\.[\d.]+)$/.test(origin.host) ||
      (own.includes(origin.host) && origin.port === SQUID_PORT) ||
      published.includes(shown);
    checks
      .that(HOST_PATTERN.test(origin.host), `${path}.host`, origin.host, "must be a name in lower case or an IPv4 address")
      .that(whole(origin.port, 1, 65_535), `${path}.port`, origin.port, "must be a port from 1 to 65535")
      .that(
        !itself,
        path,
        shown,
        "must not be the cache itself, which would ask itself for ever; inside its container loopback is its own: name the server by its address on the network",
      )
      .that(
        origins.findIndex((each) => each.host === origin.host && each.port === origin.port) === index,
        path,
        shown,
        "must be its own; remove one of the two",
      );
  });
  checks.that(
    originHost === null || HOST_PATTERN.test(originHost),
    "originHost",
    originHost,
    "must be a name in lower case or an IPv4 address",
  );
}

function checkDomains(checks: Checks, { domains }: NormalSquidCdnArgs): void {
  checks.that(
    domains.length > 0,
    "domains",
    domains,
    'must name what clients call the CDN, such as ["cdn.example.com"]: it is no open proxy',
  );
  domains.forEach((domain, index) => {
    const numbers = /^[\d.]+$/.test(domain);
    checks
      .that(
        numbers ? isIPv4(domain) : HOST_PATTERN.test(domain),
        `domains[${index}]`,
        domain,
        "must be a name in lower case or an IPv4 address, without a scheme, a port or a wildcard: what is purged is purged under each of them",
      )
      .that(domains.indexOf(domain) === index, `domains[${index}]`, domain, "must be named once");
  });
}
