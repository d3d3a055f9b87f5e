import { describe, expect, it } from "vitest";
import { tierModule } from "./nginx";

/** A Redis of five places for `goods`; a URL's place is its length. */
const HELPERS = `
  stored, is_there, refuses = {}, true, nil
  function redis.is_configured() return is_there end
  function redis.call(command, key, value)
    if refuses == command then return nil, "NOPERM" end
    if command == "GET" then return stored[key] end
    stored[key] = command == "SET" and value or nil
    return true
  end
  ngx.crc32_long = function(text) return #text end
  M.use_settings(5)
  function put(uri, body, at) return M.put({ service = "goods", uri = uri, stored = at or 1, headers = { etag = "e" }, body = body }, 60, 60) end
  function body(uri) local found = M.get("goods", uri) return found and found.body or "none" end
  function keys() local found = {} for key in pairs(stored) do table.insert(found, key) end table.sort(found) return table.concat(found, " ") end
`;

async function run(script: string): Promise<string> {
  return (await (await tierModule("cache", HELPERS, ["answer"])).doString(script)) as string;
}

describe("answers in Redis", () => {
  it("are found by service and URL", async () => {
    expect(await run('put("/goods/1", "a") return body("/goods/1") .. " " .. body("/goods/2")')).toBe("a none");
  });

  it("have no more keys than there are places, and one that is in use keeps its place", async () => {
    expect(await run('for i = 1, 200 do put(string.rep("a", i), "x") end return keys()')).toBe(
      [0, 1, 2, 3, 4].map((place) => `gateway:answer:goods:${place}`).join(" "),
    );
    const second = (at: number) => `put("/a", "1") put("/b", "2", ${at}) return body("/a") .. " " .. body("/b")`;
    expect(await run(second(60.9))).toBe("1 none");
    expect(await run(second(61))).toBe("none 2");
    expect(await run('put("/a", "1") put("/a", "2") return body("/a")')).toBe("2");
  });

  it("are taken away alone, not with what has their place", async () => {
    expect(
      await run('put("/a", "1") M.remove("goods", "/b", 2) local other = body("/a") M.remove("goods", "/a", 2) return other .. body("/a")'),
    ).toBe("1none");
  });

  it("are taken away where they were kept before a time", async () => {
    expect(
      await run('put("/a", "1") M.remove("goods", "/a", 1) local other = body("/a") M.remove("goods", "/a", 2) return other .. body("/a")'),
    ).toBe("1none");
  });

  it("say whether they were taken away", async () => {
    const removed = 'local ok, err = M.remove("goods", "/a", 2) return tostring(ok ~= nil) .. " " .. tostring(err)';
    expect(await run(`put("/a", "1") ${removed}`)).toBe("true nil");
    expect(await run(removed)).toBe("true nil");
    for (const command of ["GET", "DEL"]) expect(await run(`put("/a", "1") refuses = "${command}" ${removed}`)).toBe("false NOPERM");
  });

  it("are none without a Redis", async () => {
    expect(await run('is_there = false put("/a", "1") M.remove("goods", "/a", 2) return body("/a") .. keys()')).toBe("none");
  });
});
