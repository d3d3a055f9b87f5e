/** Lowest and highest value of each part of a line of cron: minute, hour, day of the month, month, day of the week. */
const BOUNDS = [
  [0, 59],
  [0, 23],
  [1, 31],
  [1, 12],
  [0, 6],
] as const;

const NAMED = ["@hourly", "@daily", "@weekly", "@monthly"];

/** Days of the months at the most. */
const DAYS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/**
 * Whether the service understands a schedule, and its moment comes: five parts, each `*`, a number, a range, or a list of them, with a step where
 * it has many values.
 */
export function isSchedule(text: string): boolean {
  if (NAMED.includes(text)) return true;
  const parts = text.split(" ");
  const isRead =
    parts.length === BOUNDS.length && BOUNDS.every((bounds, at) => (parts[at] ?? "").split(",").every((part) => isPart(part, bounds)));
  return isRead && comes(parts);
}

/** Whether one of the months has one of the days; a weekday beside a day is another moment, and always comes. */
function comes([, , days = "*", months = "*", weekdays = "*"]: readonly string[]): boolean {
  if (days.includes("*") || !weekdays.includes("*")) return true;
  const first = Math.min(...days.split(",").map(Number.parseFloat));
  return DAYS.some((most, index) => first <= most && months.split(",").some((part) => has(part, index + 1)));
}

/** Whether a part of a list of months has one. */
function has(part: string, month: number): boolean {
  const [range = "", step = "1"] = part.split("/");
  const [from = 1, to = from] = range === "*" ? [1, 12] : range.split("-").map(Number);
  return month >= from && month <= to && (month - from) % Number(step) === 0;
}

function isPart(part: string, [low, high]: readonly [number, number]): boolean {
  const [, first, last, step] = /^(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:\/(\d{1,2}))?$/.exec(part) ?? [part];
  if (first === part) return Number(part) >= low && Number(part) <= high;
  if (step !== undefined && (Number(step) < 1 || (first !== undefined && last === undefined))) return false;
  if (first === undefined) return part.startsWith("*");
  const [from, to] = [Number(first), Number(last ?? first)];
  return from >= low && to <= high && from <= to;
}
