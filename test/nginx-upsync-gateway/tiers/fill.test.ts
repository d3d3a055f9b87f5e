import { describe, expect, it } from "vitest";
import { tierModule } from "./nginx";

/** A location that keeps answers of up to 10 bytes; `answer(...)` is one of the service's, `kept()` what Redis and the files have been given. */
const HELPERS = `
  is_readable, response, method, uri, has_space = true, {}, "GET", "/goods/1", true
  ngx.status = 200
  ngx.req = { get_method = function() return method end }
  ngx.resp = { get_headers = function() return response end }
  ngx.sleep = function() end
  local queue, zone = {}, ngx.shared.gateway_fills
  free, is_full = 16 * 1024 * 1024, false
  function zone:free_space() return free end
  function zone:llen() return #queue end
  function zone:lpush(_, text)
    if is_full then return nil, "no memory" end
    table.insert(queue, 1, text)
    return #queue
  end
  function zone:rpop() return table.remove(queue) end
  settings = { maxBytes = 10, refreshSeconds = 5, cacheSeconds = 60 }
  function answer(chunks, is_cut)
    local context = { location = "goods", is_readable = is_readable, uri = uri }
    M.begin("goods", context, settings, has_space)
    for i, chunk in ipairs(chunks) do
      ngx.arg = { chunk, i == #chunks and not is_cut }
      if context.chunks then M.collect(context, settings) end
    end
    M.finish(context, settings)
  end
  M.start({ goods = settings })
  function kept() tick() return table.concat(written, " ") end
`;

const STORES = `
  written, over = {}, {}
  package.preload["gateway.tiers.cache"] = function()
    return {
      put = function(kept, seconds)
        table.insert(written, "redis:" .. kept.uri .. ":" .. kept.body .. ":" .. seconds)
        if meanwhile then over[kept.uri] = meanwhile end
        return true
      end,
    }
  end
  package.preload["gateway.tiers.files"] = function()
    return {
      put = function(kept) table.insert(written, "file:" .. kept.uri .. ":" .. kept.body) return true end,
      clear_others = function() end,
    }
  end
  package.preload["gateway.tiers.withdrawals"] = function()
    return {
      start = function() end,
      since = function(kept) return over[kept.uri] and kept.stored < over[kept.uri] and over[kept.uri] or nil end,
      apply = function(_, uri, at) table.insert(written, "-both:" .. uri .. ":" .. math.floor(at)) end,
      tell = function(service, uri, at) table.insert(written, "others:" .. service .. ":" .. uri .. ":" .. math.floor(at)) end,
    }
  end
`;

async function run(script: string): Promise<string> {
  return (await (await tierModule("fill", HELPERS, ["answer", "quiet"], STORES)).doString(script)) as string;
}

describe("filling", () => {
  it("gives an answer to Redis and to the files, after the request", async () => {
    expect(await run('answer({ "ab", "", "cd", "" }) local before = #written return before .. " " .. kept()')).toBe(
      "0 redis:/goods/1:abcd:60 file:/goods/1:abcd",
    );
  });

  it("keeps the same answer once in a while, and others meanwhile", async () => {
    expect(await run('answer({ "a" }) answer({ "b" }) uri = "/goods/2" answer({ "c" }) kept() return #written')).toBe(4);
    expect(await run('answer({ "a" }) time = time + 5 answer({ "b" }) kept() return #written')).toBe(4);
  });

  it.each([
    ["one that was cut off", 'answer({ "ab", "cd" }, true)'],
    ["one that is shorter than it said", 'response["content-length"] = "5" answer({ "abc" })'],
    ["a failure", 'ngx.status = 500 answer({ "a" })'],
    ["what a POST was told", 'method = "POST" answer({ "a" })'],
    ["one for one client", 'is_readable = false answer({ "a" })'],
    ["one of a path without end", 'uri = "/" .. string.rep("a", 1024) answer({ "a" })'],
  ])("leaves out %s", async (_, script) => {
    expect(await run(`${script} return kept()`)).toBe("");
  });

  it("keeps the answer to a query that is asked for twice", async () => {
    expect(await run('uri = "/goods/1?a" answer({ "a" }) return kept()')).toBe("");
    expect(await run('uri = "/goods/1?a" answer({ "a" }) time = time + 59 answer({ "b" }) return kept()')).toBe(
      "redis:/goods/1?a:b:60 file:/goods/1?a:b",
    );
    expect(await run('uri = "/goods/1?a" answer({ "a" }) time = time + 60 answer({ "b" }) return kept()')).toBe("");
    expect(await run('for i = 1, 100 do uri = "/goods/1?" .. i answer({ "a" }) end return kept()')).toBe("");
  });

  it.each([
    ["is not there", 'ngx.status = 404 answer({ "a" })'],
    ["is gone", 'ngx.status = 410 answer({ "a" })'],
    ["is not for everybody any more", 'ngx.status = 403 answer({ "a" })'],
    ["is at a login by now", 'ngx.status = 302 answer({ "" })'],
    ["is empty", "ngx.status = 204 answer({})"],
    ["has become private", 'response["cache-control"] = "private" answer({ "a" })'],
    ["is too long by its header", 'response["content-length"] = "11" answer({ "a" })'],
    ["turns out too long", 'answer({ "123456", "78901" })'],
  ])("takes away what was kept of what %s", async (_, script) => {
    expect(await run(`${script} return kept()`)).toBe("-both:/goods/1:1000 others:goods:/goods/1:1000");
  });

  it("takes nothing away that it cannot judge", async () => {
    for (const script of [
      "ngx.status = 404 is_readable = false",
      'ngx.status = 404 method = "POST"',
      "ngx.status = 500",
      "ngx.status = 304",
    ])
      expect(await run(`${script} answer({ "a" }) return kept()`)).toBe("");
  });

  it("takes away and keeps again at once, and says the same once in a while", async () => {
    const taken = "-both:/goods/1:1000 others:goods:/goods/1:1000";
    const [good, gone] = ['ngx.status = 200 answer({ "a" })', 'ngx.status = 404 answer({ "b" })'];
    expect(await run(`${good} ${gone} ${good} ${gone} return kept()`)).toBe(
      `redis:/goods/1:a:60 file:/goods/1:a ${taken} redis:/goods/1:a:60 file:/goods/1:a ${taken}`,
    );
    expect(await run(`${gone} ${gone} kept() return #written`)).toBe(2);
    expect(await run(`${gone} time = time + 5 ${gone} kept() return #written`)).toBe(4);
  });

  it("takes away also while too many answers wait, or leave too little memory for more", async () => {
    const gone = 'ngx.status = 404 uri = "/gone" answer({ "b" }) kept() kept()';
    expect(await run(`for i = 1, 1200 do uri = "/goods/" .. i answer({ "a" }) end ${gone} return written[#written]`)).toBe(
      "others:goods:/gone:1000",
    );
    expect(await run(`free = 4 * 1024 * 1024 - 1 answer({ "a" }) ${gone} return #written`)).toBe(2);
  });

  it("tries again what no memory was there for", async () => {
    for (const status of [200, 404])
      expect(
        await run(`ngx.status = ${status} is_full = true answer({ "a" }) is_full = false local before = kept() answer({ "a" }) kept()
          return before .. #written .. #logged`),
      ).toBe("21");
  });

  it("keeps nothing from before a withdrawal that another gateway has told of, before or while it is written", async () => {
    const later = 'time = time + 1 answer({ "b" }) kept() time = time + 5 answer({ "c" }) return kept()';
    expect(await run('over["/goods/1"] = 1000.5 answer({ "a" }) return kept()')).toBe("");
    expect(await run('meanwhile = 1000.5 answer({ "a" }) return kept()')).toBe("redis:/goods/1:a:60 -both:/goods/1:1000");
    expect(await run(`over["/goods/1"] = 1000.5 ${later}`)).toBe("redis:/goods/1:b:60 file:/goods/1:b redis:/goods/1:c:60 file:/goods/1:c");
  });

  it("keeps nothing that there is no memory to collect in, but takes away what is gone, and keeps the next", async () => {
    expect(await run('has_space = false answer({ "a" }) return kept()')).toBe("");
    expect(await run('has_space = false ngx.status = 404 answer({ "a" }) return kept()')).toContain("-both:/goods/1");
    const query = 'uri = "/goods/1?a" answer({ "a" })';
    // A query is kept when it is asked for a second time, and that is not taken for the first.
    expect(await run(`has_space = false ${query} has_space = true ${query} return kept()`)).toBe("");
    expect(await run(`has_space = false ${query} has_space = true ${query} ${query} return kept()`)).toContain("redis:/goods/1?a:a:60");
  });

  it("drops what comes while too many wait", async () => {
    expect(await run('for i = 1, 1200 do uri = "/goods/" .. i answer({ "a" }) end kept() return #written')).toBe(2000);
  });
});
