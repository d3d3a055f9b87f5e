import { flag, maybe, number, shape, text } from "../core/argument-shape";
import { Checks, bounded } from "../core/errors";
import type { Placement } from "../core/host";

/** How long answers are fresh of which the origin does not say it; the first rule that matches counts. */
export interface SquidExpiryRule {
  /** POSIX extended regular expression that a URL matches; one that begins with `^` begins at the path: `^/static/`. */
  readonly pattern: string;

  /** Minutes for which such an answer is fresh whatever its age. @default 0 */
  readonly minMinutes?: number;

  /** Share of its age at the origin, by `Last-Modified`, for which it is fresh, in percent. @default 20 */
  readonly percent?: number;

  /** Minutes after which it is never fresh. @default 4320, three days */
  readonly maxMinutes?: number;

  /** Whether the rule counts also where the origin says how long. @default false */
  readonly overrideExpire?: boolean;
}

export const EXPIRY_RULE = shape<SquidExpiryRule>({
  pattern: text,
  minMinutes: maybe(number),
  percent: maybe(number),
  maxMinutes: maybe(number),
  overrideExpire: maybe(flag),
});

/** What of the arguments the cache is made of. */
interface NormalCacheArgs {
  readonly accelerators: number;
  readonly placement: Placement;
  readonly cacheMiB: number;
  readonly maxObjectMiB: number;
  readonly memoryMiB: number;
  readonly cacheMemoryMiB: number;
  readonly expiry: readonly Required<SquidExpiryRule>[];
}

export function normalizeExpiryRule(rule: SquidExpiryRule): Required<SquidExpiryRule> {
  const { minMinutes = 0, percent = 20, maxMinutes = 4320, overrideExpire = false, pattern } = rule;
  return { pattern, minMinutes, percent, maxMinutes, overrideExpire };
}

/** The rest is for what is on its way to clients. */
const FILES_SHARE = 0.6;
const LEAST_FILES_MIB = 8;

/** squid itself, and its list of what is on the disk: some 16 MiB for each GiB of files of 13 KiB. */
function ownMemoryMiB(cacheMiB: number): number {
  return 56 + Math.ceil(cacheMiB / 64);
}

/** What is left of an accelerator's memory for files. */
export function cacheMemoryMiB(memoryMiB: number, cacheMiB: number): number {
  return Math.floor((memoryMiB - ownMemoryMiB(cacheMiB)) * FILES_SHARE);
}

export function whole(value: number, low: number, high: number): boolean {
  return Number.isInteger(value) && value >= low && value <= high;
}

export function checkCache(
  checks: Checks,
  { accelerators, placement, cacheMiB, maxObjectMiB, memoryMiB, cacheMemoryMiB: files }: NormalCacheArgs,
): void {
  const least = ownMemoryMiB(cacheMiB) + Math.ceil(LEAST_FILES_MIB / FILES_SHARE);
  checks
    .that(whole(cacheMiB, 16, 16_777_216), "cacheMiB", cacheMiB, "must be a whole number of MiB from 16")
    .that(
      whole(maxObjectMiB, 1, Math.floor(cacheMiB / 4)),
      "maxObjectMiB",
      maxObjectMiB,
      "must be a whole number of MiB and at most a quarter of cacheMiB, or a few files would push out all others",
    )
    .that(
      files >= LEAST_FILES_MIB,
      "memoryMiB",
      memoryMiB,
      `must be ${least} or more for a cache of ${cacheMiB} MiB, whose list squid keeps in memory; raise it, or lower cacheMiB`,
    );
  for (const host of placement.hosts) {
    const count = Array.from({ length: bounded(accelerators, 1, 5) }, (_, index) => placement.hostFor(index)).filter(
      (each) => each === host,
    ).length;
    const disk = count === 0 ? undefined : host.inventory.diskMiB;
    checks.that(
      disk === undefined || count * cacheMiB <= disk,
      "cacheMiB",
      cacheMiB,
      `must fit on the disk of host ${host.name}, which has ${disk} MiB in all${count > 1 ? ` for ${count} accelerators` : ""}; ask for less`,
    );
  }
}

export function checkExpiry(checks: Checks, { expiry }: Pick<NormalCacheArgs, "expiry">): void {
  expiry.forEach(({ pattern, minMinutes, percent, maxMinutes }, index) => {
    const path = `expiry[${index}]`;
    checks
      .that(
        /^[^\s"'#-][^\s"'#]*$/.test(pattern),
        `${path}.pattern`,
        pattern,
        "must be a regular expression without spaces, quotes and '#', and not begin with '-'",
      )
      .that(
        expiry.findIndex((rule) => rule.pattern === pattern) === index,
        `${path}.pattern`,
        pattern,
        "must be its own; the first rule counts",
      )
      .that(whole(maxMinutes, 0, 525_600), `${path}.maxMinutes`, maxMinutes, "must be whole minutes from 0 to a year")
      .that(whole(minMinutes, 0, maxMinutes), `${path}.minMinutes`, minMinutes, "must be whole minutes from 0 to maxMinutes")
      .that(whole(percent, 0, 1000), `${path}.percent`, percent, "must be a whole number from 0 to 1000");
  });
}
