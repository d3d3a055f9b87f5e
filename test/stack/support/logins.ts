import { setTimeout as delay } from "node:timers/promises";

/** What clients were told that log in anew for each request. */
export interface Logins {
  readonly requests: number;
  /** Logins that were refused and tried again, with what the client's file held by then. */
  readonly repeated: number;
  /** From the first login for a request to its answer, in ms: the longest. */
  readonly longestMs: number;
  /** When that answer came, as other logs tell it. */
  readonly longestAt: string;
  /** What went wrong, a line each. */
  readonly failures: readonly string[];
}

/** A client that logs in for each request. */
export interface Client {
  /** Reads its password, logs in and asks once. */
  readonly ask: () => Promise<unknown>;
  /** How long a refused login is tried again, in ms. @default not at all */
  readonly patienceMs?: number;
  /** Between two requests, in ms. */
  readonly pauseMs: number;
}

/** Has clients ask, each one request after the other, while `work` runs. */
export async function loginsDuring(
  clients: Readonly<Record<string, Client>>,
  work: () => Promise<unknown>,
): Promise<Record<string, Logins>> {
  let running = true;
  const asking = Object.entries(clients).map(async ([name, { ask, patienceMs = 0, pauseMs }]) => {
    const failures: string[] = [];
    let [requests, repeated, longestMs, longestAt] = [0, 0, 0, ""];
    while (running) {
      requests++;
      const began = performance.now();
      for (; ; repeated++) {
        try {
          await ask();
          break;
        } catch (error) {
          if (performance.now() - began >= patienceMs) {
            failures.push(String(error));
            break;
          }
          await delay(100);
        }
      }
      const ms = Math.round(performance.now() - began);
      if (ms > longestMs) [longestMs, longestAt] = [ms, new Date().toISOString()];
      await delay(pauseMs);
    }
    return [name, { requests, repeated, longestMs, longestAt, failures }] as const;
  });
  try {
    await work();
  } finally {
    running = false;
  }
  return Object.fromEntries(await Promise.all(asking));
}
