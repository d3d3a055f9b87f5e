import { maybe, number, shape, texts } from "./argument-shape";
import type { ContainerArgs } from "@pulumi/docker/container";
import type { Checks } from "./errors";

/** A command that asks the software, inside its container, whether it does its job. */
export interface HealthCheck {
  readonly command: readonly string[];

  /**
   * Seconds between two checks: each starts a process in the container, which is not free. Nothing waits for them, neither gates nor balancers: they
   * are what `docker ps` and `npm run status` show. @default 30, which is Docker's own
   */
  readonly intervalSeconds?: number;

  /** Seconds that a check may take. @default 3 */
  readonly timeoutSeconds?: number;

  /** Failed checks in a row that make the container unhealthy. @default 3 */
  readonly retries?: number;

  /** Seconds after the start in which failures do not count. @default 30 */
  readonly startPeriodSeconds?: number;
}

/** Names and types of a {@link HealthCheck}. */
export const HEALTH_CHECK = shape<HealthCheck>({
  command: texts,
  intervalSeconds: maybe(number),
  timeoutSeconds: maybe(number),
  retries: maybe(number),
  startPeriodSeconds: maybe(number),
});

/** What is wrong is added to `checks`. */
export function checkHealth(
  checks: Checks,
  { command, intervalSeconds = 1, timeoutSeconds = 1, retries = 1, startPeriodSeconds = 0 }: HealthCheck,
): void {
  const whole = (value: number, low: number) => Number.isInteger(value) && value >= low && value <= 86_400;
  checks.that(command.length > 0, "health.command", command, "must be the argument array of a command");
  for (const [argument, value] of Object.entries({ intervalSeconds, timeoutSeconds }))
    checks.that(whole(value, 1), `health.${argument}`, value, "must be whole seconds from 1 to a day");
  checks
    .that(whole(startPeriodSeconds, 0), "health.startPeriodSeconds", startPeriodSeconds, "must be whole seconds from 0 to a day")
    .that(whole(retries, 1), "health.retries", retries, "must be a whole number from 1");
}

/** As the provider takes it. */
export function renderHealthCheck({
  command,
  intervalSeconds = 30,
  timeoutSeconds = 3,
  retries = 3,
  startPeriodSeconds = 30,
}: HealthCheck): ContainerArgs["healthcheck"] {
  return {
    tests: ["CMD", ...command],
    interval: duration(intervalSeconds),
    timeout: duration(timeoutSeconds),
    retries,
    startPeriod: duration(startPeriodSeconds),
  };
}

/** Whole seconds as Go writes them, as the provider reads them back, since a difference in writing alone would replace the container: `45s`, `2m0s`, `1h0m0s`. */
function duration(seconds: number): string {
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60)];
  return [...(hours > 0 ? [`${hours}h`] : []), ...(minutes > 0 ? [`${minutes % 60}m`] : []), `${seconds % 60}s`].join("");
}
