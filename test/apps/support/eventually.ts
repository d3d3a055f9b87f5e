import { expect } from "vitest";

/** What holds sooner or later; the time is for machines that are busy with other tests. */
export function eventually<T>(probe: () => T): ReturnType<typeof expect.poll<T>> {
  return expect.poll(probe, { timeout: 15_000, interval: 10 });
}
