import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { LuaEngine } from "wasmoon";
import { luaWith } from "../lua";

/** As much of nginx as the modules of the tiers ask for: a clock at `time`, shared memory, timers that run by `tick()`, and what was logged. */
const NGINX = `
  unpack = unpack or table.unpack
  time, logged, timers = 1000, {}, {}
  function dict()
    local values, zone, looks = {}, {}, 0
    function zone:get(key)
      local found = values[key]
      if found and found.till and found.till <= time then values[key] = nil return nil end
      looks = looks + 1
      if found then found.looked_at = looks end
      return found and found.value
    end
    function zone:set(key, value, life)
      looks = looks + 1
      values[key] = { value = value, till = life and life > 0 and time + life or nil, looked_at = looks }
      return true
    end
    function zone:safe_set(key, value) return self:set(key, value) end
    function zone:free_space() return 16 * 1024 * 1024 end
    -- Those first that nobody has looked at for longest.
    function zone:get_keys(count)
      local keys = {}
      for key in pairs(values) do table.insert(keys, key) end
      table.sort(keys, function(a, b) return values[a].looked_at < values[b].looked_at end)
      return { unpack(keys, 1, math.min(count, #keys)) }
    end
    function zone:add(key, value, life)
      if self:get(key) ~= nil then return false, "exists" end
      return self:set(key, value, life)
    end
    function zone:incr(key, step, init, life)
      local value = self:get(key)
      if value == nil then self:set(key, init + step, life) return init + step end
      values[key].value = value + step
      return value + step
    end
    function zone:delete(key) values[key] = nil end
    return zone
  end
  local function log(_, ...) table.insert(logged, table.concat({ ... })) end
  ngx = {
    now = function() return time end,
    shared = { gateway_tiers = dict(), gateway_fills = dict(), gateway_marks = dict() },
    worker = { id = function() return 0 end, exiting = function() return false end },
    timer = {
      at = function() return true end,
      every = function(_, run, ...) table.insert(timers, { run = run, arguments = { ... } }) return true end,
    },
    log = log, WARN = "warn", NOTICE = "notice",
    decode_base64 = function(text) return base64_decode(text) end,
    re = { match = function(text, pattern) local found = string.match(text, pattern) return found and { [0] = text, found } end },
  }
  function tick() for _, timer in ipairs(timers) do timer.run(false, unpack(timer.arguments)) end end
  redis = { null = "null", is_configured = function() return true end }
  consul = {}
  package.preload["gateway.redis"] = function() return redis end
  package.preload["gateway.consul"] = function() return consul end
  package.preload["gateway.json"] = function() return { decode = json_decode, encode = function(value) return json_encode_text(value) end } end
`;

/** A Lua engine with a module of the tiers as `M`, and others of them, by file, that it asks for; `before` stands in for more. */
export async function tierModule(file: string, helpers: string, asked: readonly string[] = [], before = ""): Promise<LuaEngine> {
  const lua = await luaWith(`tiers/${file}.lua`, `${NGINX}\n${preloads(asked)}\n${before}`);
  lua.global.set("json_encode_text", (value: unknown) => JSON.stringify(value));
  await lua.doString(helpers);
  return lua;
}

function preloads(asked: readonly string[]): string {
  return asked
    .map((file) => {
      const source = readFileSync(join(__dirname, `../../../components/nginx-upsync-gateway/lua/tiers/${file}.lua`), "utf8");
      return `package.preload["gateway.tiers.${file}"] = function() ${source}\nend`;
    })
    .join("\n");
}
