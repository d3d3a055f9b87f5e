import { Deployment } from "../../../scripts/deployments/history";

/** A deployment that succeeded, of a program that git knows nothing of, but for what is given. */
export function deployed(number: number, given: Partial<Deployment> = {}): Deployment {
  const began = new Date(Date.UTC(2026, 0, 1, 12, 0, number)).toISOString();
  return { number, began, result: "succeeded", options: [], configuration: "", ...given };
}
