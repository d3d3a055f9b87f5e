import { describe, expect, it } from "vitest";
import { tierModule } from "./nginx";

/** A Redis with one stream, whose ids count from 1, and files that note what is taken out of them. */
const HELPERS = `
  stream, removed, is_there, fault = {}, {}, true, nil
  ngx.sleep = function() end
  function redis.is_configured() return is_there end
  function redis.call(command, ...)
    if fault then return nil, fault end
    if refuses == command then return nil, "NOPERM this user has no permissions" end
    local given = { ... }
    if command == "XADD" then
      asked = table.concat(given, " ", 1, 5)
      local fields = {}
      for i = 6, #given do table.insert(fields, tostring(given[i])) end
      table.insert(stream, fields)
      return tostring(#stream)
    end
    local entries = {}
    for i = tonumber(given[5]) + 1, math.min(#stream, tonumber(given[5]) + tonumber(given[2])) do
      table.insert(entries, { tostring(i), stream[i] })
    end
    if #entries > 0 then return { { given[4], entries } } end
  end
  function told() tick() return table.concat(removed, " ") end
  M.start()
`;

const FILES = `
  package.preload["gateway.tiers.files"] = function()
    return { remove = function(service, uri, before) table.insert(removed, service .. ":" .. uri .. ":" .. math.floor(before)) end }
  end
  package.preload["gateway.tiers.cache"] = function()
    return { remove = function(_, uri, before)
      if fault then return nil, fault end
      if refuses == "DEL" and (not refuses_of or refuses_of == uri) then return nil, "NOPERM this user has no permissions" end
      redis_removed = (redis_removed and redis_removed .. " " or "") .. uri .. ":" .. math.floor(before)
      return 1
    end }
  end
`;

async function run(script: string): Promise<string> {
  return (await (await tierModule("withdrawals", HELPERS, ["quiet"], FILES)).doString(script)) as string;
}

describe("what one gateway takes away", () => {
  it("is told to the others in a stream that does not grow without end, with its time", async () => {
    expect(await run('M.tell("goods", "/goods/1", 1000) return asked .. " " .. table.concat(stream[1], " ")')).toBe(
      "gateway:withdrawn MAXLEN ~ 10000 * service goods uri /goods/1 time 1000",
    );
  });

  it("is taken out of the files of another once, also by one that comes later", async () => {
    expect(await run('M.tell("goods", "/a", 1000) M.tell("orders", "/b", 1001) told() M.tell("goods", "/c", 1002) return told()')).toBe(
      "goods:/a:1000 orders:/b:1001 goods:/c:1002",
    );
  });

  it("is taken out of Redis too, and remembered for what is still on its way there", async () => {
    const over = (stored: number) => `tostring(M.since({ service = "goods", uri = "/a", stored = ${stored} }))`;
    const seen = [over(999), over(1000), over(1001)].join(' .. " " .. ');
    expect(await run(`M.tell("goods", "/a", 1000) told() return redis_removed .. " " .. ${seen}`)).toBe("/a:1000 1000 nil nil");
    expect(await run(`M.tell("goods", "/a", 1000) told() time = time + 60 return ${seen}`)).toBe("nil nil nil");
  });

  it("is read to its end, however much there is", async () => {
    expect(await run('for i = 1, 1200 do M.tell("goods", "/" .. i, 1000) end told() return #removed')).toBe(1200);
  });

  it("waits while Redis is away, and is told once when it is back", async () => {
    expect(
      await run(
        `M.tell("goods", "/a", 1000) fault = "Redis is away" M.tell("goods", "/b", 1000) local before = told() fault = nil
         told() tick() return before .. ", " .. table.concat(removed, " ") .. " " .. #stream .. #logged`,
      ),
    ).toBe(", goods:/a:1000 goods:/b:1000 20");
  });

  it.each([
    ["was away", 'fault = "Redis is away"', "fault = nil", 0],
    ["did not answer", 'fault = "timeout"', "fault = nil", 2],
    ["refused", 'refuses = "DEL"', "refuses = nil", 2],
  ])("is taken out of a Redis that %s as soon as it can be, and is not given until then", async (_, before, after, lines) => {
    const left = (stored: number) => `tostring(M.is_left({ service = "goods", uri = "/a", stored = ${stored} }))`;
    const seen = [left(999), left(1000)].join(' .. " " .. ');
    expect(
      await run(`${before} M.apply("goods", "/a", 1000) time = time + 3600 tick() local before = ${seen}
        ${after} tick() tick() return before .. ", " .. redis_removed .. " " .. ${left(999)} .. " " .. #logged`),
    ).toBe(`true false, /a:1000 false ${lines}`);
  });

  it("is told though Redis refused it for a while", async () => {
    expect(
      await run('refuses = "XADD" M.tell("goods", "/a", 1000) tick() refuses = nil tick() tick() return #stream .. " " .. #logged'),
    ).toBe("1 1");
  });

  it("is what was said last, where more was said while Redis was away", async () => {
    expect(
      await run(
        'fault = "timeout" for at = 1, 3 do M.apply("goods", "/a", 1000 + at) end M.apply("goods", "/a", 999) fault = nil tick() return redis_removed',
      ),
    ).toBe("/a:1003");
  });

  it("holds up nothing else where Redis never takes it", async () => {
    const others = 'for i = 1, 5 do M.apply("goods", "/" .. i, 1000) end';
    expect(
      await run(`fault = "timeout" M.apply("goods", "/a", 1000) ${others} fault = nil refuses, refuses_of = "DEL", "/a" tick() tick()
        return redis_removed`),
    ).toBe("/1:1000 /2:1000 /3:1000 /4:1000 /5:1000");
  });

  it("takes no more memory than there is for it, and says where it is not kept", async () => {
    expect(
      await run(`local zone = ngx.shared.gateway_fills function zone:free_space() return 2 * 1024 * 1024 - 1 end
        fault = "Redis is away" M.apply("goods", "/a", 1000) fault = nil tick() local kept = tostring(redis_removed)
        M.apply("goods", "/b", 1000) return kept .. " " .. redis_removed .. " " .. logged[1]`),
    ).toBe("nil /b:1000 gateway: what Redis does not take of what is given no more is not tried again: no memory");
  });

  it("is skipped where it is something else", async () => {
    expect(await run('table.insert(stream, { "text", "x" }) M.tell("goods", "/a", 1000) return told() .. #logged')).toBe("goods:/a:10000");
  });

  it("is told to nobody without a Redis", async () => {
    expect(await run('is_there = false M.tell("goods", "/a", 1000) return #stream')).toBe(0);
  });
});
