import { describe, expect, it } from "vitest";
import { Checks } from "../../components/core/errors";
import { normalizeUpstreamEntry, renderUpstreamValue } from "../../components/core/upstream-entry";

describe("an upstream entry", () => {
  it("is by default what nginx-upsync-module documents", () => {
    expect(renderUpstreamValue(normalizeUpstreamEntry(new Checks("goods"), "upstream"))).toBe(
      '{"weight":1,"max_fails":2,"fail_timeout":10,"down":0,"backup":0}',
    );
  });

  it.each([0, 101, 1.5, NaN])("refuses the weight %s and all else that is wrong with it, at once", (weight) => {
    const checks = new Checks("goods");
    normalizeUpstreamEntry(checks, "upstream", { weight, maxFails: -1, failTimeoutSeconds: 0 });
    expect(() => checks.done()).toThrow(
      /goods\.upstream\.weight: must be a whole number from 1 to 100; .*\ngoods\.upstream\.maxFails: .*\ngoods\.upstream\.failTimeoutSeconds: /,
    );
  });
});
