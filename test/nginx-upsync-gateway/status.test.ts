import { describe, expect, it } from "vitest";
import { luaWith } from "./lua";

/** What the admin pages have around them: two workers, one of which heard from Consul last at the time 900 of 1000. */
const PRELUDE = `
  page, follows, last = {}, true, 900
  ngx = { now = function() return 1000 end, var = {}, header = {}, say = function(value) page = value end, print = function() end }
  for _, name in ipairs({ "entries", "tiers.tiers" }) do package.preload["gateway." .. name] = function() return {} end end
  package.preload["gateway.json"] = function() return { null = "null", encode = function(value) return value end } end
  package.preload["gateway.memory"] = function()
    return { confirmed_at = function() return 999 end, dumped_at = function() return nil end }
  end
  package.preload["gateway.metrics"] = function()
    return { flush = function() end, render = function(_, age) page = { ageSeconds = age } end }
  end
  package.preload["gateway.upstreams"] = function() return { publish_counts = function() end } end
  package.preload["gateway.workers"] = function()
    return {
      alive = function() return {} end, complete = function() return true end,
      follow = function(_, seconds) asked = seconds return follows end,
      confirmed_at = function() return last end,
    }
  end
`;

async function run(script: string): Promise<unknown> {
  return (await luaWith("status.lua", PRELUDE)).doString(`M.use_settings({ services = {}, timeoutSeconds = 60 }) ${script}`);
}

describe("the health page", () => {
  const HEALTH =
    'M.health() return ngx.status .. " " .. tostring(page.healthy) .. " " .. tostring(page.following) .. " " .. page.ageSeconds';

  it("is of the worker that has waited longest, and fails when one does not follow", async () => {
    expect(await run(HEALTH)).toBe("200 true true 100.0");
    expect(await run(`follows = false ${HEALTH}`)).toBe("503 false false 100.0");
  });

  it("says that a list is stale when one worker's is", async () => {
    expect(await run("M.health() return page.stale")).toBe(true);
    expect(await run("last = 990 M.health() return page.stale")).toBe(false);
  });
});

describe("the page for Prometheus", () => {
  it("has the age of the list that has waited longest", async () => {
    expect(await run("M.metrics() return page.ageSeconds")).toBe(100);
  });
});
