import { describe, expect, it } from "vitest";
import { luaWith, preload } from "./lua";

/** A clock and timers, of which nginx drops those that are set while `full`. */
const NGINX = `
  clock, timers, full = 100, {}, false
  ngx = {
    now = function() return clock end,
    worker = { id = function() return 0 end, pid = function() return 7 end, count = function() return 1 end },
    timer = { at = function(delay, call, ...)
      local given = { ... }
      if not full then table.insert(timers, { at = clock + delay, call = function() call(false, table.unpack(given)) end }) end
      return true
    end },
    log = function() end, ERR = "error",
  }
  function pass(seconds)
    clock = clock + seconds
    local due = timers
    timers = {}
    for _, timer in ipairs(due) do
      if timer.at <= clock then timer.call() else table.insert(timers, timer) end
    end
  end
  ${preload("timer")}
`;

const DUMP = `
  writes, confirmed = 0, 100
  io = { open = function() return { write = function() return true end, close = function() return true end } end }
  os = { rename = function() writes = writes + 1 return true end }
  package.preload["gateway.entries"] = function() return {} end
  package.preload["gateway.json"] = function() return { encode = function() return "" end } end
  package.preload["gateway.memory"] = function() return { confirmed_at = function() return confirmed end } end
`;

const UPSTREAMS = `
  published = 0
  package.preload["gateway.entries"] = function()
    return { peer = function(address) return { address = address } end, signature = function(list) return #list end }
  end
  package.preload["gateway.memory"] = function()
    return { text = function() end, parse = function() end, write = function() end, confirmed_at = function() return 100 end }
  end
  package.preload["gateway.roundrobin"] = function()
    return { new = function()
      group = { draining = {}, primaries = {}, backups = {}, activity = 0, update = function() end }
      return group
    end }
  end
  package.preload["gateway.workers"] = function()
    return { publish = function() end, publish_service = function() published = published + 1 end }
  end
`;

async function run(module: string, around: string, script: string): Promise<unknown> {
  return (await luaWith(module, `${NGINX}\n${around}`)).doString(script);
}

describe("a timer", () => {
  const CALLS = `local calls = 0 local timer = M.new(function() calls = calls + 1 end)`;

  it("calls once however often it is set, and can be set again from its call", async () => {
    expect(await run("timer.lua", "", `${CALLS} timer:set(1) timer:set(1) pass(1) pass(1) return calls`)).toBe(1);
    expect(await run("timer.lua", "", `${CALLS} timer:set(1) pass(1) timer:set(1) pass(1) return calls`)).toBe(2);
    expect(
      await run(
        "timer.lua",
        "",
        "local calls, timer = 0 timer = M.new(function() calls = calls + 1 timer:set(1) end) timer:set(1) pass(1) pass(1) return calls",
      ),
    ).toBe(2);
  });

  it("is lost when its call is a second late, and may be set again then", async () => {
    const dropped = `${CALLS} full = true timer:set(1) full = false`;
    expect(await run("timer.lua", "", `${dropped} pass(2) return timer:is_lost()`)).toBe(false);
    expect(await run("timer.lua", "", `${dropped} pass(2) timer:set(0) pass(0) return calls`)).toBe(0);
    expect(
      await run(
        "timer.lua",
        "",
        `${dropped} pass(2.1) local lost = timer:is_lost() timer:set(0) pass(0) return (lost and 10 or 0) + calls`,
      ),
    ).toBe(11);
  });

  it("calls once where the call that was taken for lost comes after all", async () => {
    expect(await run("timer.lua", "", `${CALLS} timer:set(1) clock = clock + 3 timer:set(0) pass(0) return calls`)).toBe(1);
  });
});

describe("the dump", () => {
  it("is written though nginx has dropped its timer", async () => {
    const dropped = 'M.use_settings({ dump = "d", services = {} }) full = true M.write_soon() full = false';
    expect(await run("dump.lua", DUMP, `${dropped} pass(0.5) M.keep_current() pass(0.5) return writes`)).toBe(0);
    expect(await run("dump.lua", DUMP, `${dropped} pass(1.2) M.keep_current() pass(0.1) return writes`)).toBe(1);
  });
});

describe("what drains", () => {
  const DRAINING = `
    M.start({ services = { shop = { fallback = "10.0.0.9:80" } } }, 1)
    function moved() group.activity = group.activity + 1 local before = published pass(0.04) return published - before end
    group.draining = { ["10.0.0.1:80"] = { in_flight = 1 } }
    full = true
    M.apply({ shop = { {} } }, 5)
    full = false
  `;

  it("is told as soon as ever again after nginx has dropped a timer", async () => {
    // In the meantime the tick tells it, twice a second.
    expect(await run("upstreams.lua", UPSTREAMS, `${DRAINING} pass(0.5) M.publish_counts() return moved()`)).toBe(0);
    expect(await run("upstreams.lua", UPSTREAMS, `${DRAINING} pass(1.1) M.publish_counts() return moved() + 10 * moved()`)).toBe(11);
  });

  it("has no timer once nothing drains", async () => {
    expect(
      await run("upstreams.lua", UPSTREAMS, `${DRAINING} pass(1.1) M.publish_counts() group.draining = {} pass(0.04) return #timers`),
    ).toBe(0);
  });
});
