import type { Findings } from "../../../scripts/recovery/recover";

/** What is found of a stack that nobody holds and that is as its last run left it, but for what is given. */
export function findings(more: Partial<Findings> = {}): Findings {
  return {
    hold: "free",
    hosts: [],
    stopped: [],
    gone: [],
    lostData: [],
    undone: [],
    unfilled: [],
    pending: [],
    halfMade: [],
    rotated: [],
    leftovers: [],
    keptData: [],
    ...more,
  };
}
