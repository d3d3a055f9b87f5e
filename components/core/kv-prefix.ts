import type { Checks } from "./errors";

/** Prefix of the keys that tell gateways of instances, where nothing else is said. */
export const DEFAULT_KV_PREFIX = "upstreams";

/** Adds to `checks` what is wrong with a prefix of keys in Consul. @param argument Its name. */
export function checkKvPrefix(checks: Checks, kvPrefix: string, argument = "kvPrefix"): void {
  checks.that(
    /^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/.test(kvPrefix),
    argument,
    kvPrefix,
    'must be letters, digits, ".", "_", "-" and single slashes between them, as "upstreams"',
  );
}
