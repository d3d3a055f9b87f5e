import type { Checks } from "../core/errors";
import type { NormalRequestSettings, RequestBoundsArgs } from "./request-args";

const BOUNDS: Readonly<Record<keyof RequestBoundsArgs, readonly [low: number, high: number, unit: string]>> = {
  maxBodyKiB: [1, 1_048_576, "KiB"],
  maxHeaderKiB: [1, 64, "KiB"],
  headerTimeoutSeconds: [1, 600, "seconds"],
  bodyTimeoutSeconds: [1, 600, "seconds"],
  sendTimeoutSeconds: [1, 600, "seconds"],
  keepaliveSeconds: [1, 3600, "seconds"],
  keepaliveRequests: [1, 1_000_000, "requests"],
};

// Visible ASCII and spaces, less what is a variable in nginx.
const HEADER_VALUE = /^[\x21-\x23\x25-\x7e]([\x20-\x23\x25-\x7e]*[\x21-\x23\x25-\x7e])?$/;

/** What is wrong with the bounds of requests and the headers of answers is added to `checks`. */
export function checkRequests(checks: Checks, { requests, securityHeaders }: NormalRequestSettings): void {
  for (const [bound, [low, high, unit]] of Object.entries(BOUNDS) as [keyof RequestBoundsArgs, (typeof BOUNDS)["maxBodyKiB"]][]) {
    const value = requests[bound];
    checks.that(Number.isInteger(value) && value >= low && value <= high, `requests.${bound}`, value, `must be ${low} to ${high} ${unit}`);
  }
  for (const header of ["contentSecurityPolicy", "permissionsPolicy"] as const) {
    const value = securityHeaders[header];
    checks.that(
      value === null || HEADER_VALUE.test(value),
      `securityHeaders.${header}`,
      value,
      'must be a header\'s value in visible ASCII without "$", or null for none',
    );
  }
}
