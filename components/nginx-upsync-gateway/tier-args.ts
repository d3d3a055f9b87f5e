import { Shape, flag, maybe, named, number, oneOf, shape, text, texts } from "../core/argument-shape";

/** Commands, as Redis' ACLs name them, that the gateway's user needs for buckets that are counted `together`, beside reading and writing. */
export const TOGETHER_COMMANDS: readonly string[] = ["+eval", "+evalsha", "+time"];

/** Up to which delay in the bucket a tier answers, in seconds; a request beyond the last gets 503 with `Retry-After`. */
export interface TierDelays {
  /** The request waits until its turn and goes to the service. @default 1 */
  service?: number;

  /** It is answered from Redis; without one, from a file. @default 7 */
  cache?: number;

  /** It is answered from a file on the gateway's volume. @default 19 */
  static?: number;
}

/** When the service is left alone, and for how long. */
export interface CircuitArgs {
  /** Time over which requests are counted, in whole seconds. @default 10 */
  windowSeconds?: number;

  /** Requests in that time below which nothing is concluded. @default 20 */
  minimumRequests?: number;

  /** Share of failed requests, with a status of 500 or more, from which on the circuit opens. @default 0.5 */
  errorRate?: number;

  /** Time to the beginning of an answer from which on it counts as slow, in milliseconds. @default 2000 */
  slowMs?: number;

  /** Share of slow requests from which on the circuit opens. @default 0.5 */
  slowRate?: number;

  /** Time until the first probe, and after a failed one until the next, in seconds. @default 5 */
  openSeconds?: number;

  /** Probes in a row, one at a time, that must be answered well for the circuit to close. @default 3 */
  probes?: number;
}

/** What is kept of the service's answers for the tiers below. */
export interface FillArgs {
  /** Largest answer that is kept, in KiB. @default 64 */
  maxKiB?: number;

  /** Time for which an answer that has been kept is not kept anew, nor looked at for whether it still may be, in seconds. @default 5 */
  refreshSeconds?: number;

  /** Time for which Redis keeps an answer, in seconds. @default 3600 */
  cacheSeconds?: number;

  /** Age up to which an answer is given from a file, in seconds. @default 86400 */
  staticSeconds?: number;
}

/**
 * A Bloom filter in Redis of all that there is; what it does not hold is answered with 404.
 *
 * Its word counts only while the key `filledKey` holds the `run_id` of the Redis server: whoever fills the filter writes it when all is in.
 */
export interface TierFilter {
  /** Key of the filter. */
  name: string;

  /** Regular expression on the path whose first group is the item, as `^/goods/(\d+)$`; a path that it does not match is not asked for. */
  pattern: string;

  /** Key that tells in which run of the server the filter was filled. */
  filledKey: string;

  /** What serves the filter, as in `RedisCache`. @default "functions" */
  bloom?: "functions" | "module";
}

/** What is answered where there is nothing to answer with. */
export interface EmptyAnswer {
  /** @default 204 */
  status?: number;

  /** Media type of the body. @default "application/json" */
  type?: string;

  /** @default none */
  body?: string;
}

/** A location that answers from cheaper sources when it gets more than the service may have: service, Redis, file, nothing. */
export interface GatewayTiersArgs {
  /** Requests a second that the service may have. @default 50 */
  rate?: number;

  /** Requests that the bucket holds. @default 1000 */
  capacity?: number;

  /** Who has a bucket: all clients of the location one, or each address its own. @default "location" */
  key?: "location" | "client";

  /**
   * Whether gateways with the same Redis share the bucket; while Redis is away, or the gateway's user there may not what it takes, each has its own.
   * The user needs the keys `gateway:*` and {@link TOGETHER_COMMANDS}, which a `RedisCache` gives nobody by itself: `moreCommands: TOGETHER_COMMANDS`.
   *
   * @default false
   */
  together?: boolean;

  /** Up to which delay each tier answers. */
  delays?: TierDelays;

  /** When the service is left alone. */
  circuit?: CircuitArgs;

  /** What is kept for the tiers below. */
  fill?: FillArgs;

  /** Filter in front of the service against requests for what there is not. @default none */
  filter?: TierFilter;

  /** What is answered where there is nothing to answer with. */
  empty?: EmptyAnswer;

  /**
   * Headers that say who asks, besides `Authorization`, `Proxy-Authorization`, `Cookie`, `X-Api-Key` and those by which limits tell clients
   * apart. Of a request with one, no answer is kept, and none is given that was kept.
   *
   * @default none
   */
  personalHeaders?: readonly string[];
}

/** A store of switches. Of two, the first word counts: Redis', then Consul's; Consul's goes first once Redis has been away for 10 s. */
export type SwitchStore = "redis" | "consul";

/** Where an operator says from which source a location is answered: `auto`, `service`, `cache`, `static` or `empty`. */
export interface SwitchesArgs {
  /** Stores that are read. @default Consul, and Redis where the gateway has one */
  stores?: readonly SwitchStore[];

  /** What the keys in Redis begin with; the location's name follows. @default "gateway:switch:" */
  redisPrefix?: string;

  /** Folder of the keys in Consul. @default "switches" */
  consulPrefix?: string;
}

/** Arguments of the gateway that are about its tiers. */
export interface TierSettings {
  /** Locations with tiers, by the name of their service; `lua` only. @default none */
  tiers?: Record<string, GatewayTiersArgs>;

  /** Where the tiers' switches are. */
  switches?: SwitchesArgs;

  /** Files that answers are kept in, for all locations together, and places for them in Redis, for each. @default 1000 */
  answerFiles?: number;
}

/** Names and types of {@link TierSettings}. */
export const TIER_SETTINGS: Shape<TierSettings> = {
  tiers: maybe(
    named(
      shape<GatewayTiersArgs>({
        rate: maybe(number),
        capacity: maybe(number),
        key: maybe(oneOf(["location", "client"])),
        together: maybe(flag),
        delays: maybe(shape<TierDelays>({ service: maybe(number), cache: maybe(number), static: maybe(number) })),
        circuit: maybe(
          shape<CircuitArgs>({
            windowSeconds: maybe(number),
            minimumRequests: maybe(number),
            errorRate: maybe(number),
            slowMs: maybe(number),
            slowRate: maybe(number),
            openSeconds: maybe(number),
            probes: maybe(number),
          }),
        ),
        fill: maybe(
          shape<FillArgs>({
            maxKiB: maybe(number),
            refreshSeconds: maybe(number),
            cacheSeconds: maybe(number),
            staticSeconds: maybe(number),
          }),
        ),
        filter: maybe(shape<TierFilter>({ name: text, pattern: text, filledKey: text, bloom: maybe(oneOf(["functions", "module"])) })),
        empty: maybe(shape<EmptyAnswer>({ status: maybe(number), type: maybe(text), body: maybe(text) })),
        personalHeaders: maybe(texts),
      }),
    ),
  ),
  switches: maybe(shape<SwitchesArgs>({ stores: maybe(texts), redisPrefix: maybe(text), consulPrefix: maybe(text) })),
  answerFiles: maybe(number),
};

export interface NormalTiers extends Required<Omit<GatewayTiersArgs, "delays" | "circuit" | "fill" | "filter" | "empty">> {
  readonly delays: Required<TierDelays>;
  readonly circuit: Required<CircuitArgs>;
  readonly fill: Required<FillArgs>;
  readonly filter?: Required<TierFilter>;
  readonly empty: Required<EmptyAnswer>;
}

export interface NormalTierSettings {
  readonly tiers: Readonly<Record<string, NormalTiers>>;
  readonly switches: Readonly<Required<SwitchesArgs>>;
  readonly answerFiles: number;
}

/** Fills in the defaults. @param hasRedis Whether the gateway has a Redis. */
export function normalizeTierSettings(
  { tiers = {}, switches = {}, answerFiles = 1000 }: TierSettings,
  hasRedis: boolean,
): NormalTierSettings {
  const {
    stores = hasRedis ? (["redis", "consul"] as const) : (["consul"] as const),
    redisPrefix = "gateway:switch:",
    consulPrefix = "switches",
  } = switches;
  return {
    tiers: Object.fromEntries(Object.entries(tiers).map(([name, given]) => [name, normalizeTiers(given)])),
    switches: { stores, redisPrefix, consulPrefix },
    answerFiles,
  };
}

function normalizeTiers(given: GatewayTiersArgs): NormalTiers {
  const { rate = 50, capacity = 1000, key = "location", together = false, personalHeaders = [] } = given;
  const { delays, circuit, fill, filter, empty } = given;
  return {
    rate,
    capacity,
    key,
    together,
    delays: { service: 1, cache: 7, static: 19, ...delays },
    circuit: {
      windowSeconds: 10,
      minimumRequests: 20,
      errorRate: 0.5,
      slowMs: 2000,
      slowRate: 0.5,
      openSeconds: 5,
      probes: 3,
      ...circuit,
    },
    fill: { maxKiB: 64, refreshSeconds: 5, cacheSeconds: 3600, staticSeconds: 86_400, ...fill },
    ...(filter && { filter: { bloom: "functions", ...filter } }),
    empty: { status: 204, type: "application/json", body: "", ...empty },
    personalHeaders,
  };
}
