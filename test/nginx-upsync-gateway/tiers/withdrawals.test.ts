import { describe, expect, it } from "vitest";
import { tierModule } from "./nginx";

/** A Redis with one stream, whose ids count from 1, and files that note what is taken out of them. */
const HELPERS = `
  stream, removed, is_there, fault = {}, {}, true, nil
  ngx.sleep = function() end
  function redis.is_configured() return is_there end
  function redis.call(command, ...)
    if fault then return nil, fault end
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
    return { remove = function(_, uri, before) redis_removed = (redis_removed or "") .. uri .. ":" .. math.floor(before) end }
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
    const over = (stored: number) => `tostring(M.is_over({ service = "goods", uri = "/a", stored = ${stored} }))`;
    const seen = [over(999), over(1000), over(1001)].join(' .. " " .. ');
    expect(await run(`M.tell("goods", "/a", 1000) told() return redis_removed .. " " .. ${seen}`)).toBe("/a:1000 true false false");
    expect(await run(`M.tell("goods", "/a", 1000) told() time = time + 60 return ${seen}`)).toBe("false false false");
  });

  it("is read to its end, however much there is", async () => {
    expect(await run('for i = 1, 1200 do M.tell("goods", "/" .. i, 1000) end told() return #removed')).toBe(1200);
  });

  it("waits while Redis is away", async () => {
    expect(
      await run(
        'M.tell("goods", "/a", 1000) fault = "Redis is away" M.tell("goods", "/b", 1000) local before = told() fault = nil return before .. told()',
      ),
    ).toBe("goods:/a:1000");
  });

  it("is skipped where it is something else", async () => {
    expect(await run('table.insert(stream, { "text", "x" }) M.tell("goods", "/a", 1000) return told() .. #logged')).toBe("goods:/a:10000");
  });

  it("is told to nobody without a Redis", async () => {
    expect(await run('is_there = false M.tell("goods", "/a", 1000) return #stream')).toBe(0);
  });
});
