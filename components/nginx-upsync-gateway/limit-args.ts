import { Shape, either, flag, listOf, maybe, named, number, oneOf, shape, text, texts } from "../core/argument-shape";

/** Requests in a second or a minute, as nginx writes it. */
export type RequestRate = `${number}r/s` | `${number}r/m`;

/** What one client may ask for; at least one of `rate` and `connections`. */
export interface ClientLimitArgs {
  /**
   * What clients are told apart by: their address, or a header of theirs, such as that of an API key. A client without the header, or with more
   * than one value for it, is told apart by its address. One that invents values has a limit for each, so take a header that what is before
   * or behind the gateway checks.
   *
   * @default "address"
   */
  by?: "address" | { header: string };

  /** Requests that a client may send, such as `60r/m`: one in each second, not sixty at once. @default no limit */
  rate?: RequestRate;

  /** Requests beyond the rate that are let in before others are refused. @default 0 */
  burst?: number;

  /** Whether requests of the burst are passed on at once; if not, each waits for its time. @default false */
  nodelay?: boolean;

  /** Requests of a client that may be under way at once; with HTTP/2 each counts, not its connection. @default no limit */
  connections?: number;

  /** Status of what is refused, always with `Retry-After`. @default 429 */
  status?: 429 | 503;

  /** Addresses and networks, IPv4 or IPv6, that are not limited. @default none */
  exempt?: readonly string[];

  /** Memory for the clients that are told apart, in MiB: one holds about 16,000 of them; the longest unseen is forgotten first. @default 10 */
  zoneMiB?: number;
}

/** A path with limits of its own, besides those of the service that it goes to. */
export interface GuardedPathArgs {
  /** Service that answers. */
  service: string;

  /** Path, or the regular expression that one has to match, as PCRE has them. */
  path: string;

  /** How a request's path is compared. nginx takes an exact one first, then regular expressions in their order, then the longest prefix. @default "prefix" */
  match?: PathMatch;

  /** Names of the limits that it has besides the service's. @default none */
  limits?: readonly string[];

  /** Largest body of a request, in KiB. @default `requests.maxBodyKiB` */
  maxBodyKiB?: number;
}

export type PathMatch = "prefix" | "exact" | "regex";

export interface LimitSettings {
  /** Limits of clients, by name; each holds where a service, a guarded path or a location in Lua names it. @default none */
  limits?: Record<string, ClientLimitArgs>;

  /** Paths with limits of their own, such as that of a login. @default none */
  guardedPaths?: readonly GuardedPathArgs[];

  /**
   * Addresses and networks of proxies before the gateway: of a request from one of them, the client's address is the last one in
   * `X-Forwarded-For` that is no such proxy. What such a proxy says in that header is handed on with the proxy's own address behind it, and so is its
   * `X-Forwarded-Proto`; what anybody else says there is not.
   *
   * @default none: the headers are neither believed nor handed on
   */
  trustedProxies?: readonly string[];
}

export const MATCHES: readonly PathMatch[] = ["prefix", "exact", "regex"];

/** Names and types of {@link LimitSettings}. */
export const LIMITS: Shape<LimitSettings> = {
  limits: maybe(
    named(
      shape<ClientLimitArgs>({
        by: maybe(either(oneOf(["address"]), shape<{ header: string }>({ header: text }), 'must be "address" or { header: "…" }')),
        rate: maybe(text),
        burst: maybe(number),
        nodelay: maybe(flag),
        connections: maybe(number),
        status: maybe(oneOf([429, 503])),
        exempt: maybe(texts),
        zoneMiB: maybe(number),
      }),
    ),
  ),
  guardedPaths: maybe(
    listOf(
      shape<GuardedPathArgs>({
        service: text,
        path: text,
        match: maybe(oneOf(MATCHES)),
        limits: maybe(texts),
        maxBodyKiB: maybe(number),
      }),
    ),
  ),
  trustedProxies: maybe(texts),
};

export type NormalClientLimit = Readonly<Required<Omit<ClientLimitArgs, "rate" | "connections">>> &
  Readonly<Pick<ClientLimitArgs, "rate" | "connections">>;
export type NormalGuardedPath = Readonly<Required<GuardedPathArgs>>;
export type NormalLimitSettings = Readonly<{
  limits: Readonly<Record<string, NormalClientLimit>>;
  guardedPaths: readonly NormalGuardedPath[];
  trustedProxies: readonly string[];
}>;

/** Fills in the defaults. @param maxBodyKiB What a guarded path has that says nothing of it. */
export function normalizeLimits(args: LimitSettings, maxBodyKiB: number): NormalLimitSettings {
  return {
    limits: Object.fromEntries(Object.entries(args.limits ?? {}).map(([name, limit]) => [name, normalizeLimit(limit)])),
    guardedPaths: (args.guardedPaths ?? []).map((guarded) => ({
      service: guarded.service,
      path: guarded.path,
      match: guarded.match ?? "prefix",
      limits: guarded.limits ?? [],
      maxBodyKiB: guarded.maxBodyKiB ?? maxBodyKiB,
    })),
    trustedProxies: args.trustedProxies ?? [],
  };
}

function normalizeLimit(limit: ClientLimitArgs): NormalClientLimit {
  return {
    by: limit.by ?? "address",
    rate: limit.rate,
    burst: limit.burst ?? 0,
    nodelay: limit.nodelay ?? false,
    connections: limit.connections,
    status: limit.status ?? 429,
    exempt: limit.exempt ?? [],
    zoneMiB: limit.zoneMiB ?? 10,
  };
}
