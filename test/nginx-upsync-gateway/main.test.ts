import { describe, expect, it } from "vitest";
import { luaWith } from "./lua";

/** Modules that do nothing but note what is called of them, and timers of which nginx repeats one. */
const PRELUDE = `
  called, ticks = {}, {}
  ngx = { timer = { every = function(seconds, call) table.insert(ticks, call) return true end } }
  table.insert(package.searchers, 2, function(name)
    local short = string.match(name, "^gateway%.(.*)$")
    return short and function()
      return setmetatable({}, { __index = function(_, what)
        return function() table.insert(called, short .. "." .. what) return true end
      end })
    end
  end)
`;

async function run(script: string): Promise<string> {
  return (await (await luaWith("main.lua", PRELUDE)).doString(script)) as string;
}

describe("a worker", () => {
  it("has its timers set, and sets going again what a lost one has stopped", async () => {
    const called = (await run('M.init_worker() called = {} ticks[1](false) return table.concat(called, " ")')).split(" ");
    expect(await run('M.init_worker() return table.concat(called, " ")')).toContain("redis.start");
    expect(called).toEqual(expect.arrayContaining(["follower.watch", "dump.keep_current", "upstreams.publish_counts"]));
  });
});
