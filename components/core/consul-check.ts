import { maybe, number, shape, text } from "./argument-shape";
import type { Checks } from "./errors";

/** How Consul checks an instance. */
export interface ConsulCheck {
  /** Whether the port must accept a connection or an HTTP request must succeed. @default "tcp" */
  readonly type?: "tcp" | "http";

  /** Path of the request, for HTTP. @default "/health" */
  readonly path?: string;

  /** Seconds between two checks. @default 10 */
  readonly intervalSeconds?: number;

  /** Seconds that a check may take. @default 2 */
  readonly timeoutSeconds?: number;
}

/** Names and types of a {@link ConsulCheck}. */
export const CONSUL_CHECK = shape<ConsulCheck>({
  type: maybe(text),
  path: maybe(text),
  intervalSeconds: maybe(number),
  timeoutSeconds: maybe(number),
});

/** Fills in the defaults; what is wrong is added to `checks`. */
export function normalizeConsulCheck(checks: Checks, check: ConsulCheck = {}): Required<ConsulCheck> {
  const { type = "tcp", path = "/health", intervalSeconds = 10, timeoutSeconds = 2 } = check;
  checks
    .that(["tcp", "http"].includes(type), "check.type", type, 'must be "tcp" or "http"')
    .that(path.startsWith("/"), "check.path", path, "must begin with /")
    .that(intervalSeconds >= 1, "check.intervalSeconds", intervalSeconds, "must be 1 s or more")
    .that(
      timeoutSeconds > 0 && timeoutSeconds <= intervalSeconds,
      "check.timeoutSeconds",
      timeoutSeconds,
      "must be more than 0 and no longer than the interval",
    );
  return { type, path, intervalSeconds, timeoutSeconds };
}
