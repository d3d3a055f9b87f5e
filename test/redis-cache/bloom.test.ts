import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type LuaEngine, LuaFactory } from "wasmoon";
import { beforeEach, describe, expect, it } from "vitest";

/** As much of Redis as the functions use: hashes, bits and errors; a table `store` holds the keys. */
const REDIS = `
unpack = unpack or table.unpack
store, functions, redis = {}, {}, {}
function redis.sha1hex(text) return sha1(text) end
function redis.error_reply(text) return { err = text } end
function redis.status_reply(text) return { ok = text } end
function redis.register_function(name, callback)
  if type(name) == "table" then functions[name.function_name] = name else functions[name] = { callback = callback, flags = {} } end
end
local commands = {}
function commands.EXISTS(key) return store[key] and 1 or 0 end
function commands.HMGET(key, ...)
  local value, replies = store[key], {}
  if value ~= nil and value.hash == nil then return { err = "WRONGTYPE Operation against a key holding the wrong kind of value" } end
  for index, field in ipairs({ ... }) do replies[index] = value ~= nil and value.hash[field] or false end
  return replies
end
function commands.HSET(key, ...)
  store[key] = store[key] or { hash = {} }
  local given = { ... }
  for index = 1, #given, 2 do store[key].hash[given[index]] = tostring(given[index + 1]) end
end
function commands.SETBIT(key, offset) store[key] = store[key] or { bits = {}, size = tonumber(offset) + 1 } end
function commands.BITFIELD(key, ...)
  local given = { ... }
  for index = 1, #given, 4 do
    assert(given[index] == "SET" and tonumber(given[index + 2]) < store[key].size, "outside of the part")
    store[key].bits[given[index + 2]] = true
  end
end
function commands.BITFIELD_RO(key, ...)
  local given, replies = { ... }, {}
  for index = 1, #given, 3 do replies[#replies + 1] = store[key].bits[given[index + 2]] and 1 or 0 end
  return replies
end
function redis.call(name, ...) return commands[name](...) end
redis.pcall = redis.call
-- Redis makes a whole number of every number.
local function shown(reply)
  if type(reply) == "table" then return reply.err or reply.ok end
  return type(reply) == "number" and string.format("%.0f", reply) or reply
end
function fcall(name, key, ...)
  local reply = functions[name].callback({ key }, { ... })
  if type(reply) ~= "table" or reply.err or reply.ok then return shown(reply) end
  for index, each in ipairs(reply) do reply[index] = shown(each) end
  return table.concat(reply, ",")
end`;

let lua: LuaEngine;
let fcall: (name: string, key: string, ...args: string[]) => string;

beforeEach(async () => {
  lua = await new LuaFactory().createEngine();
  lua.global.set("sha1", (text: string) => createHash("sha1").update(text).digest("hex"));
  await lua.doString(REDIS);
  const library = readFileSync(join(__dirname, "../../components/redis-cache/bloom.lua"), "utf8");
  await lua.doString(library.replace(/^#!.*/, ""));
  fcall = lua.global.get("fcall") as typeof fcall;
});

describe("the filters' functions", () => {
  it("add, find, and answer as RedisBloom does", () => {
    expect(fcall("bf_reserve", "seen", "0.01", "100")).toBe("OK");
    expect(fcall("bf_add", "seen", "a")).toBe("1");
    expect(fcall("bf_add", "seen", "a")).toBe("0");
    expect(fcall("bf_madd", "seen", "a", "b", "b", "c")).toBe("0,1,0,1");
    expect(fcall("bf_exists", "seen", "c")).toBe("1");
    expect(fcall("bf_exists", "seen", "d")).toBe("0");
    expect(fcall("bf_exists", "nothing", "d")).toBe("0");
    // One that nobody reserved has the module's defaults.
    expect(fcall("bf_add", "made", "a")).toBe("1");
    expect(fcall("bf_info", "made")).toMatch(/^Capacity,100,.*Error rate,0\.01,Initial capacity,100$/);
  });

  it.each<[string, string[], string]>([
    ["bf_reserve", ["1", "10"], "ERR (0 < error rate range < 1)"],
    ["bf_reserve", ["0", "10"], "ERR (0 < error rate range < 1)"],
    ["bf_reserve", ["some", "10"], "ERR bad error rate"],
    ["bf_reserve", ["0.1", "many"], "ERR bad capacity"],
    ["bf_reserve", ["0.1", "0"], "ERR (capacity should be larger than 0)"],
    ["bf_reserve", ["0.1", "10", "EXPANSION", "x"], "ERR bad expansion"],
    ["bf_reserve", ["0.1", "10", "EXPANSION", "2", "NONSCALING"], "Nonscaling filters cannot expand"],
    ["bf_reserve", ["0.1"], "ERR wrong number of arguments for 'bf_reserve' command"],
    ["bf_reserve", ["0.000001", "100000000000"], "ERR (capacity is too large for the error rate)"],
    ["bf_add", [], "ERR wrong number of arguments for 'bf_add' command"],
    ["bf_add", ["a", "b"], "ERR wrong number of arguments for 'bf_add' command"],
    ["bf_madd", [], "ERR wrong number of arguments for 'bf_madd' command"],
    ["bf_exists", [], "ERR wrong number of arguments for 'bf_exists' command"],
    ["bf_info", [], "ERR not found"],
  ])("%s refuses %j", (name, args, said) => {
    expect(fcall(name, "seen", ...args)).toBe(said);
  });

  it("leave a filter that is there, and a key that is none, alone", async () => {
    fcall("bf_reserve", "seen", "0.01", "100");
    expect(fcall("bf_reserve", "seen", "0.5", "1")).toBe("ERR item exists");
    await lua.doString('store["text"] = { text = "x" }');
    for (const name of ["bf_add", "bf_exists"]) expect(fcall(name, "text", "a")).toMatch(/^WRONGTYPE /);
  });

  it("say of what was added that it was, and keep the error rate when the filter is full and when it has grown", () => {
    fcall("bf_reserve", "seen", "0.02", "300");
    const shareOf = (kind: string, count: number) =>
      Array.from({ length: count }, (_, index) => fcall("bf_exists", "seen", `${kind}-${index}`)).filter((said) => said === "1").length /
      count;
    for (const [from, to] of [
      [0, 300],
      [300, 1500],
    ] as const) {
      for (let index = from; index < to; index++) fcall("bf_add", "seen", `known-${index}`);
      expect(shareOf("known", to)).toBe(1);
      const strange = shareOf("strange", 2000);
      expect(strange).toBeLessThan(0.02);
      expect(strange).toBeGreaterThan(0);
    }
    expect(fcall("bf_info", "seen")).toMatch(/^Capacity,2100,Size,\d+,Number of filters,3,/);
  });

  it("refuse the item too many where the filter may not grow, and find those before it", () => {
    fcall("bf_reserve", "seen", "0.01", "2", "NONSCALING");
    expect(fcall("bf_madd", "seen", "a", "b", "c", "d")).toBe("1,1,ERR non scaling filter is full");
    expect(fcall("bf_exists", "seen", "b")).toBe("1");
  });

  it("keep the bits in parts of 4 MiB, whose names begin with the filter's and lie in its slot", async () => {
    fcall("bf_reserve", "app:seen", "0.01", "10000000");
    const keys = (await lua.doString(
      `local k = {} for key in pairs(store) do k[#k + 1] = key end table.sort(k) return table.concat(k, " ")`,
    )) as string;
    expect(keys).toBe("app:seen app:seen:{app:seen}:0:0 app:seen:{app:seen}:0:1 app:seen:{app:seen}:0:2 app:seen:{app:seen}:0:3");
    expect(await lua.doString(`return store["app:seen:{app:seen}:0:0"].size`)).toBeLessThanOrEqual(4 * 2 ** 23);
    for (let index = 0; index < 50; index++) fcall("bf_add", "app:seen", `item ${index}`);
    const used = (await lua.doString(
      `local n = 0 for part = 0, 3 do if next(store["app:seen:{app:seen}:0:" .. part].bits) then n = n + 1 end end return n`,
    )) as number;
    expect(used).toBe(4);
  });

  it("can only be asked on a replica where they write nothing", async () => {
    const flags = async (name: string) => (await lua.doString(`return table.concat(functions.${name}.flags, " ")`)) as string;
    for (const name of ["bf_exists", "bf_info"]) expect(await flags(name), name).toBe("no-writes");
    for (const name of ["bf_reserve", "bf_add", "bf_madd"]) expect(await flags(name), name).toBe("");
  });
});
