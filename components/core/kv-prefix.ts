import type { Checks } from "./errors";

/** Prefix of the keys that tell gateways of instances, where nothing else is said. */
export const DEFAULT_KV_PREFIX = "upstreams";

/** Adds to `checks` what is wrong with the prefix of the keys in Consul. */
export function checkKvPrefix(checks: Checks, kvPrefix: string): void {
  checks.that(
    /^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/.test(kvPrefix),
    "kvPrefix",
    kvPrefix,
    'must be letters, digits, ".", "_", "-" and single slashes between them, as "upstreams"',
  );
}
