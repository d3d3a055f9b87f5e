import { describe, expect, it } from "vitest";
import { luaWith, preload } from "./lua";

/** What the follower has around it: answers to give, and a record of what it asked, logged and applied. */
const AROUND = `
  answers, record, timers, clock = {}, {}, {}, 0
  leaving = false

  ngx = {
    WARN = "warn", NOTICE = "notice", ERR = "error", CRIT = "crit",
    log = function(level, ...) table.insert(record, level .. " " .. table.concat({ ... })) end,
    now = function() return clock end,
    worker = { id = function() return 0 end, exiting = function() return leaving end },
    timer = { at = function(delay, call, ...)
      local given = { ... }
      table.insert(timers, { delay = delay, call = function(premature) call(premature, table.unpack(given)) end })
      return true
    end },
    decode_base64 = base64_decode,
  }

  package.preload["gateway.json"] = function() return { decode = json_decode } end
  package.preload["gateway.dump"] = function() return { write_soon = function() table.insert(record, "dump") end } end
  package.preload["gateway.entries"] = function()
    return { decode = function(pairs_read)
      if pairs_read[1] and pairs_read[1].Key == "broken" then error("a fault of the gateway's own") end
      local faults = {}
      for _, pair in ipairs(pairs_read) do
        if pair.bad then table.insert(faults, { key = pair.Key, modify_index = pair.ModifyIndex, reason = "bad" }) end
      end
      return pairs_read, faults
    end }
  end
  package.preload["gateway.upstreams"] = function()
    return {
      routed = function() return {} end,
      apply = function(lists) table.insert(record, "apply " .. #lists) return #lists > 0 end,
      confirm = function(index) table.insert(record, "confirm " .. index) end,
      mark_started = function() table.insert(record, "started") end,
      note_asked = function() end,
    }
  end
  package.preload["gateway.consul"] = function()
    return { get = function(server, path, timeout)
      table.insert(record, "get " .. server.host .. string.gsub(path, "^/v1/kv/upstreams/", " ") .. " " .. timeout)
      local answer = table.remove(answers, 1)
      if type(answer) == "string" then return nil, answer end
      return answer
    end }
  end

  function ok(body, index, status)
    return { status = status or 200, body = body, headers = { ["x-consul-index"] = index and tostring(index) } }
  end
  ${preload("timer")}
`;

/** Lets the follower take one answer after the other; gives what it did, with its pauses. */
async function follow(answers: string, servers = '{ host = "a", port = 1 }'): Promise<string[]> {
  const lua = await luaWith("follower.lua", AROUND);
  const text = (await lua.doString(`
    for _, answer in ipairs({ ${answers} }) do table.insert(answers, answer) end
    M.start({ consul = { ${servers} }, prefix = "upstreams", intervalMs = 500, timeoutSeconds = 360 })
    while #answers > 0 do
      local timer = table.remove(timers, 1)
      if timer.delay > 0 then table.insert(record, "pause " .. timer.delay) end
      timer.call(false)
    end
    local last = timers[1]
    if last and last.delay > 0 then table.insert(record, "pause " .. last.delay) end
    return table.concat(record, "\\n")`)) as string;
  return text.split("\n");
}

describe("the follower", () => {
  it("asks once without an index, then waits for changes from the index that it got", async () => {
    expect(await follow('ok("[]", 5), ok("[{}]", 8), ok("[]", 9)')).toEqual([
      "get a ?recurse 2000",
      "apply 0",
      "confirm 5",
      "get a ?recurse&index=5&wait=10s 11625",
      "apply 1",
      "dump",
      "confirm 8",
      "get a ?recurse&index=8&wait=10s 11625",
      "apply 0",
      "confirm 9",
    ]);
  });

  it("decodes nothing when a wait ended without a change", async () => {
    expect(await follow('ok("[{}]", 5), ok("[{}]", 5)')).toEqual([
      "get a ?recurse 2000",
      "apply 1",
      "dump",
      "confirm 5",
      "get a ?recurse&index=5&wait=10s 11625",
      "confirm 5",
    ]);
  });

  it("takes the 404 of an absent prefix for an empty one", async () => {
    expect(await follow('ok("", 5, 404)')).toEqual(["get a ?recurse 2000", "apply 0", "confirm 5"]);
  });

  it("starts over when the index goes backwards", async () => {
    expect(await follow('ok("[]", 50), ok("[{}]", 3), ok("[{}]", 4)')).toEqual([
      "get a ?recurse 2000",
      "apply 0",
      "confirm 50",
      "get a ?recurse&index=50&wait=10s 11625",
      "apply 1",
      "dump",
      "confirm 0",
      "pause 0.5",
      "get a ?recurse 2000",
      "confirm 4",
    ]);
  });

  it.each(["nil", "0"])("polls a server whose index is %s, and does not hammer it", async (index) => {
    expect(await follow(`ok("[]", ${index}), ok("[]", ${index})`)).toEqual([
      "get a ?recurse 2000",
      "apply 0",
      "confirm 0",
      "pause 0.5",
      "get a ?recurse 2000",
      "confirm 0",
      "pause 0.5",
    ]);
  });

  it("goes to the next server at once, and pauses when all have failed", async () => {
    const servers = '{ host = "a", port = 1 }, { host = "b", port = 1 }';
    expect(await follow('"refused", ok("No cluster leader", nil, 500), ok("[]", 5), ok("[{}]", 6)', servers)).toEqual([
      "get a ?recurse 2000",
      "warn gateway: cannot follow Consul at a:1: refused",
      "get b ?recurse 2000",
      "warn gateway: cannot follow Consul at b:1: status 500: No cluster leader",
      "started",
      "pause 0.5",
      "get a ?recurse 2000",
      "apply 0",
      "confirm 5",
      "notice gateway: following Consul again at a:1",
      "get a ?recurse&index=5&wait=10s 11625",
      "apply 1",
      "dump",
      "confirm 6",
    ]);
  });

  it("says once that Consul is away", async () => {
    const record = await follow('"refused", "refused", "refused", "refused"');
    expect(record.filter((line) => line.startsWith("warn"))).toEqual(["warn gateway: cannot follow Consul at a:1: refused"]);
  });

  it("says once for each change of a key that its value is skipped", async () => {
    const bad = (index: number): string => `'[{"Key":"k","bad":true,"ModifyIndex":${index}}]'`;
    const record = await follow(`ok(${bad(3)}, 5), ok(${bad(3).replace("]'", ",{}]'")}, 6), ok(${bad(7)}, 7)`);
    expect(record.filter((line) => line.startsWith("warn"))).toEqual(["warn gateway: skipping k: bad", "warn gateway: skipping k: bad"]);
  });

  it("outlives a fault of its own", async () => {
    const record = await follow(`ok('[{"Key":"broken"}]', 5), ok("[{}]", 6)`);
    expect(record[1]).toMatch(/^warn gateway: cannot follow Consul at a:1: .*a fault of the gateway's own$/);
    expect(record.slice(-3)).toEqual(["dump", "confirm 6", "notice gateway: following Consul again at a:1"]);
  });

  it("asks again where nginx dropped its timer, says so once, and asks no more than once at a time", async () => {
    const lua = await luaWith("follower.lua", AROUND);
    const text = (await lua.doString(`
      answers = { ok("[]", 5), ok("[{}]", 6), ok("[]", 7) }
      M.start({ consul = { { host = "a", port = 1 } }, prefix = "upstreams", intervalMs = 500, timeoutSeconds = 360 })
      table.remove(timers, 1).call(false)
      local dropped = table.remove(timers, 1)
      clock = 1
      M.watch()
      local early = #timers
      clock = 1.1
      M.watch() M.watch()
      local again = table.remove(timers, 1)
      -- Dropped as well.
      clock = 2.2
      M.watch()
      local third = table.remove(timers, 1)
      third.call(false) dropped.call(false) again.call(false)
      return early .. " " .. #timers .. " " .. #answers .. "\\n" .. table.concat(record, "\\n")`)) as string;
    expect(text.split("\n")).toEqual([
      "0 1 1",
      "get a ?recurse 2000",
      "apply 0",
      "confirm 5",
      "warn gateway: cannot follow Consul: the timer of the next query was lost",
      "get a ?recurse&index=5&wait=10s 11625",
      "apply 1",
      "dump",
      "confirm 6",
      "notice gateway: following Consul again at a:1",
    ]);
  });

  it("ends with its worker", async () => {
    const lua = await luaWith("follower.lua", AROUND);
    const left = (await lua.doString(`
      M.start({ consul = { { host = "a", port = 1 } }, prefix = "upstreams", intervalMs = 500, timeoutSeconds = 360 })
      local timer = table.remove(timers)
      leaving = true
      timer.call(false)
      timer.call(true)
      return #timers + #record`)) as number;
    expect(left).toBe(0);
  });
});
