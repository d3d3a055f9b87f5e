/** A bucket, and up to which delay in seconds each tier answers. */
export interface BucketSettings {
  readonly rate: number;
  readonly capacity: number;
  readonly delays: { readonly service: number; readonly cache: number; readonly static: number };
}

export type Tier = "service" | "cache" | "static" | "rejected";

/**
 * What lua-resty-limit-traffic's `resty.limit.req` says of requests, after its documentation: written on its own, to hold the gateway's against.
 *
 * The excess is counted in thousandths of a request. It leaks at the rate, each request adds one, and the first adds none; what would be more
 * than the capacity is refused and changes nothing. The delay is the excess divided by the rate.
 */
export class LeakyBucket {
  private excess: number | undefined;
  private last = 0;

  constructor(private readonly settings: BucketSettings) {}

  /** The delay in seconds of a request at a time in ms; undefined where it is refused. */
  incoming(now: number): number | undefined {
    const { rate, capacity } = this.settings;
    const leaked = (rate * 1000 * Math.max(now - this.last, 0)) / 1000;
    const excess = this.excess === undefined ? 0 : Math.max(this.excess - leaked + 1000, 0);
    if (excess > capacity * 1000) return undefined;
    this.excess = excess;
    this.last = now;
    return excess / (rate * 1000);
  }
}

/**
 * How many of the requests that come at these times, in ms, each tier answers.
 *
 * Whatever their delay, the service gets a request when it would have none for the time of one.
 */
export function tiersOf(arrivals: readonly number[], settings: BucketSettings): Record<Tier, number> {
  const { rate, delays } = settings;
  const pause = 1000 / rate;
  const bucket = new LeakyBucket(settings);
  const counts = { service: 0, cache: 0, static: 0, rejected: 0 };
  let free = 0;
  for (const now of [...arrivals].sort((a, b) => a - b)) {
    const delay = bucket.incoming(now) ?? Infinity;
    if (delay <= delays.service || free - now <= pause) {
      counts.service++;
      free = Math.max(free, now) + pause;
    } else if (delay > delays.static) counts.rejected++;
    else counts[delay <= delays.cache ? "cache" : "static"]++;
  }
  return counts;
}
