import { flag, maybe, number, shape } from "./argument-shape";
import type { Checks } from "./errors";

/** What a gateway is told of one instance, as the value of its key `upstreams/<service>/<address>:<port>`. */
export interface UpstreamEntry {
  /** Share of the requests against other instances, 1 to 100. @default 1 */
  weight?: number;

  /** Failed requests within `failTimeoutSeconds` that make the gateway pass the instance over; 0 never does. @default 2 */
  maxFails?: number;

  /** Seconds in which failures are counted, and for which the instance is then passed over. @default 10 */
  failTimeoutSeconds?: number;

  /** Whether the instance gets no requests at all. @default false */
  down?: boolean;

  /** Whether the instance gets requests only while no other can. @default false */
  backup?: boolean;
}

/** Names and types of an {@link UpstreamEntry}. */
export const UPSTREAM_ENTRY = shape<UpstreamEntry>({
  weight: maybe(number),
  maxFails: maybe(number),
  failTimeoutSeconds: maybe(number),
  down: maybe(flag),
  backup: maybe(flag),
});

/** Fills in the defaults; what is wrong is added to `checks` below `path`. */
export function normalizeUpstreamEntry(checks: Checks, path: string, entry: UpstreamEntry = {}): Required<UpstreamEntry> {
  const { weight = 1, maxFails = 2, failTimeoutSeconds = 10, down = false, backup = false } = entry;
  checks
    .that(
      Number.isInteger(weight) && weight >= 1 && weight <= 100,
      `${path}.weight`,
      weight,
      "must be a whole number from 1 to 100; use down to send nothing",
    )
    .that(
      Number.isInteger(maxFails) && maxFails >= 0,
      `${path}.maxFails`,
      maxFails,
      "must be a whole number from 0; 0 never passes the instance over",
    )
    .that(
      Number.isInteger(failTimeoutSeconds) && failTimeoutSeconds >= 1,
      `${path}.failTimeoutSeconds`,
      failTimeoutSeconds,
      "must be a whole number of seconds from 1",
    );
  return { weight, maxFails, failTimeoutSeconds, down, backup };
}

/** The value as nginx-upsync-module reads it, with its field names and order. */
export function renderUpstreamValue({ weight, maxFails, failTimeoutSeconds, down, backup }: Required<UpstreamEntry>): string {
  return JSON.stringify({ weight, max_fails: maxFails, fail_timeout: failTimeoutSeconds, down: down ? 1 : 0, backup: backup ? 1 : 0 });
}
