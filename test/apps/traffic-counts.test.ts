import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { openCounts } from "../../apps/shop/src/traffic/counts";
import { keyOf, saysOutOfRange } from "../../apps/shop/src/traffic/group-reader";

let folder: string;
const file = () => join(folder, "traffic.db");

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "dockyard-traffic-"));
});

afterEach(() => rmSync(folder, { recursive: true }));

const message = (offset: number, key = "goods", partition = 0) => ({ partition, offset: BigInt(offset), key });

describe("the counts of traffic", () => {
  it("count each message once, however often it comes, also over a restart", () => {
    const counts = openCounts(file());
    counts.count("a", "log", [message(0), message(1, "order"), message(0, "goods", 1)]);
    counts.count("a", "log", [message(1, "order"), message(2)]);
    counts.close();
    const again = openCounts(file());
    again.count("a", "log", [message(2), message(3)]);
    expect(again.totals("a")).toEqual({ goods: 4, order: 1 });
    again.close();
  });

  it("begin anew with a topic that does, and know topics apart", () => {
    const counts = openCounts(file());
    counts.count("a", "log", [message(0), message(1), message(5, "goods", 1)]);
    counts.count("a", "other", [message(0)]);
    counts.goBack("a", "log", [1n, 6n]);
    counts.count("a", "log", [message(0), message(5, "goods", 1)]);
    expect(counts.totals("a")).toEqual({ goods: 5 });
    counts.close();
  });

  it("are each group's own", () => {
    const counts = openCounts(file());
    counts.count("a", "log", [message(0)]);
    counts.count("b", "log", [message(0, "200"), message(1, "404")]);
    expect([counts.totals("a"), counts.totals("b"), counts.totals("c")]).toEqual([{ goods: 1 }, { "200": 1, "404": 1 }, {}]);
    counts.close();
  });
});

describe("an event of the access log", () => {
  it.each([
    ['{"nginx":{"service":"goods","status":200}}', "service", "goods"],
    ['{"nginx":{"service":"goods","status":200}}', "status", "200"],
    ['{"nginx":{"service":"","status":200}}', "service", "unknown"],
    ['{"message":"started"}', "status", "unknown"],
    ["half a li", "service", "unreadable"],
  ])("%s counts by %s for %s", (line, field, key) => {
    expect(keyOf(line, field)).toBe(key);
  });
});

describe("an offset whose messages are gone", () => {
  it("is told apart from other failures, however deep", () => {
    const gone = Object.assign(new Error("gone"), { apiId: "OFFSET_OUT_OF_RANGE" });
    expect(saysOutOfRange(new Error("failed", { cause: new AggregateError([new Error("x"), gone]) }))).toBe(true);
    expect(saysOutOfRange(new Error("failed", { cause: new Error("no broker") }))).toBe(false);
  });
});
