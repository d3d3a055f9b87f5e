import type { TestStack } from "../test/stack/support/test-stack";
import type { Figure } from "./bench";
import { benchStack } from "./bench-stack";
import { changeLatency } from "./change-latency";
import { changesUnderLoad } from "./change-load";
import { besideReloads } from "./change-reloads";

/** A stack with two instances of goods, whose keys are changed. */
export interface ChangedStack {
  readonly stack: TestStack;
  readonly gateway: string;
  readonly admin: string;
  readonly consul: string;
}

/** What the gateway makes of keys that change: how soon, under load for long, and beside those who reload nginx. */
export async function changes(): Promise<Figure[]> {
  const changed = await benchStack({ goods: { instances: 2 }, order: { instances: 1 } });
  try {
    await changed.stack.up();
    return [await changeLatency(changed), await changesUnderLoad(changed), ...(await besideReloads(changed))];
  } finally {
    await changed.stack.remove();
  }
}
