/** Lowest and highest value of each part of a line of cron: minute, hour, day of the month, month, day of the week. */
const BOUNDS = [
  [0, 59],
  [0, 23],
  [1, 31],
  [1, 12],
  [0, 6],
] as const;

const NAMED = ["@hourly", "@daily", "@weekly", "@monthly"];

/** Whether the service understands a schedule: five parts, each `*`, a number, a range, or a list of them, with a step where it has many values. */
export function isSchedule(text: string): boolean {
  if (NAMED.includes(text)) return true;
  const parts = text.split(" ");
  return parts.length === BOUNDS.length && BOUNDS.every((bounds, at) => (parts[at] ?? "").split(",").every((part) => isPart(part, bounds)));
}

function isPart(part: string, [low, high]: readonly [number, number]): boolean {
  const [, first, last, step] = /^(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:\/(\d{1,2}))?$/.exec(part) ?? [part];
  if (first === part) return Number(part) >= low && Number(part) <= high;
  if (step !== undefined && (Number(step) < 1 || (first !== undefined && last === undefined))) return false;
  if (first === undefined) return part.startsWith("*");
  const [from, to] = [Number(first), Number(last ?? first)];
  return from >= low && to <= high && from <= to;
}
