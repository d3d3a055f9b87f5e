import { bytes, duration } from "./units";

/** What the service of a `BackupSchedule` tells of its sets; images/backup/program/last.go has all of it. */
export interface LastBackup {
  readonly target: string;
  readonly sets: number;
  readonly set: { readonly id: string; readonly began: string; readonly reason: string; readonly bytes: number } | null;
  /** The last run, where it came to nothing. */
  readonly failure: { readonly at: string; readonly error: string } | null;
  readonly next: string;
  /** Moment up to which MySQL's rows can be brought back. */
  readonly binlogUntil: string | null;
  readonly unfinishedRestore: { readonly id: string; readonly remedy: string } | null;
}

/** The last set, the next one, and in lines of their own what went wrong; `now` in ms since 1970. */
export function renderLastBackup(last: LastBackup, now: number): string {
  const { target, sets, set, failure, next, binlogUntil, unfinishedRestore } = last;
  const ago = (moment: string) => `${duration(now - Date.parse(moment))} ago`;
  const kept = set
    ? `The last set is ${set.id}, ${ago(set.began)}, with ${bytes(set.bytes)} (${set.reason}), of ${sets} in ${target}.`
    : `There is no set in ${target} yet.`;
  const due = `The next one is due ${Date.parse(next) <= now ? "now" : `in ${duration(Date.parse(next) - now)}`}.`;
  const rows = set && binlogUntil ? ` MySQL's rows can be taken to any moment up to ${ago(binlogUntil)}.` : "";
  return [
    `${kept} ${due}${rows}`,
    ...(failure ? [`The last run failed ${ago(failure.at)}: ${failure.error}`] : []),
    ...(unfinishedRestore ? [`A restore of ${unfinishedRestore.id} is under way or was cut: ${unfinishedRestore.remedy}`] : []),
  ].join("\n");
}
