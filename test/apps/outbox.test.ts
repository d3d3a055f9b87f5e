import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type Answer, Outbox } from "../../apps/shop/src/order/outbox";

let folder: string;
const file = () => join(folder, "outbox.db");

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dockyard-outbox-"));
});

afterEach(() => rmSync(folder, { recursive: true }));

const event = (id: string) => ({ id, total: 100, lines: [{ goodsId: 1, quantity: 2 }] });

describe("an outbox", () => {
  it("keeps events in their order, also for the process that comes after one that was killed", () => {
    const outbox = new Outbox(file());
    for (const id of ["a", "b", "c"]) outbox.add(event(id));
    // What a killed process leaves of its lock.
    mkdirSync(`${file()}.lock`, { recursive: true });
    const next = new Outbox(file());
    expect(next.waitingAfter(0, 2).map(({ id }) => id)).toEqual(["a", "b"]);
    const [first] = next.waitingAfter(0, 1);
    expect(JSON.parse(first?.body ?? "")).toEqual(event("a"));
    expect(next.waitingAfter(first?.position ?? 0, 10).map(({ id }) => id)).toEqual(["b", "c"]);
    next.close();
  });

  it("lets go of what was acknowledged and of nothing else, and counts every answer", () => {
    const outbox = new Outbox(file());
    for (const id of ["a", "b", "c", "d"]) outbox.add(event(id));
    const [a, b, c] = outbox.waitingAfter(0, 10).map(({ position }) => position);
    outbox.record(
      new Map<number, Answer>([
        [a ?? 0, "acknowledged"],
        [b ?? 0, "rejected"],
        [c ?? 0, "returned"],
      ]),
    );
    outbox.record(new Map([[b ?? 0, "acknowledged"]]));
    expect(outbox.waitingAfter(0, 10).map(({ id }) => id)).toEqual(["c", "d"]);
    expect(outbox.counts()).toEqual({ waiting: 2, acknowledged: 2, rejected: 1, returned: 1 });
    outbox.close();
  });

  it("takes no event twice", () => {
    const outbox = new Outbox(file());
    outbox.add(event("a"));
    expect(() => outbox.add(event("a"))).toThrow(/UNIQUE/);
    expect(outbox.counts().waiting).toBe(1);
    outbox.close();
  });
});
