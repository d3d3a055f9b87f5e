import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { readOrderPlaced, type OrderPlaced } from "../../apps/shop/src/queue/order-events";
import { openTally } from "../../apps/shop/src/statistics/tally";

let folder: string;
const file = () => join(folder, "statistics.db");

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dockyard-tally-"));
});

afterEach(() => rmSync(folder, { recursive: true }));

const event = (id: string, total = 100): OrderPlaced => ({ id, total, lines: [{ goodsId: 7, quantity: 2 }] });

describe("a tally", () => {
  it("counts each event once, however often it comes, also over a restart", () => {
    const tally = openTally(file());
    tally.count([event("a"), event("b", 50), event("a")]);
    tally.close();
    const again = openTally(file());
    again.count([event("b", 50), event("c")]);
    expect(again.totals()).toEqual({ orders: 3, revenue: 250, repeated: 2, goods: [{ id: 7, quantity: 6 }] });
    again.close();
  });

  it("counts all of a batch or nothing of it, so that what comes again is counted then", () => {
    const tally = openTally(file());
    const broken = { ...event("b"), total: null as unknown as number };
    expect(() => tally.count([event("a"), broken])).toThrow();
    expect(tally.totals().orders).toBe(0);
    tally.count([event("a"), event("b")]);
    expect(tally.totals()).toMatchObject({ orders: 2, repeated: 0 });
    tally.close();
  });
});

describe("an order event", () => {
  it("is read as it was written", () => {
    expect(readOrderPlaced(Buffer.from(JSON.stringify(event("a"))))).toEqual(event("a"));
  });

  it.each(["", "no json", "{}", '{"id":1,"total":1,"lines":[]}', '{"id":"a","total":1.5,"lines":[]}', '{"id":"a","total":1,"lines":[{}]}'])(
    "is not %j",
    (text) => {
      expect(() => readOrderPlaced(Buffer.from(text))).toThrow();
    },
  );
});
