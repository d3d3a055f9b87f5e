-- What an operator has said of each location: which source it is to be answered from. One worker reads it from
-- Redis and from Consul a few times a second, and all workers find it in shared memory.

local consul = require "gateway.consul"
local json = require "gateway.json"
local quiet = require "gateway.tiers.quiet"
local redis = require "gateway.redis"

local _M = {}

local zone = ngx.shared.gateway_tiers

-- What stands for a text that is no word: the last one that was stays in force.
local UNKNOWN = {}
local WORDS = { auto = true, service = true, cache = true, static = true, empty = true }
-- How often the stores are read, in seconds: a word is obeyed within one.
local INTERVAL = 0.25
local CONSUL_TIMEOUT_MS = 500
-- Characters of a text that is no word that the log has.
local SHOWN = 40
-- How long Redis may be away before Consul's word goes first, in seconds: a sentinel's failover is over by then.
local PATIENCE = 10

local settings
-- Place in the list of Consul's servers of the one that answered last.
local current = 1
local is_reading = { redis = false, consul = false }
-- What this worker saw at a time of nginx' clock, which stands still while it handles the events that came together.
local seen, seen_at = {}, nil

-- What a store said last stays while it is away, and when another worker comes to read it.
local function note(store, words)
  for _, name in ipairs(settings.names) do
    local key = "word " .. store .. " " .. name
    if words[name] == nil then
      zone:delete(key)
    elseif words[name] ~= UNKNOWN then
      zone:set(key, words[name])
    end
  end
end

-- Redis goes first, and Consul's word is for what Redis says nothing of; the other way round while Redis is away, when
-- its last word is one that nobody can take back.
local function apply()
  local first, second = "redis", "consul"
  if zone:get("away redis") and ngx.now() - zone:get("away redis") >= PATIENCE then
    first, second = second, first
  end
  for _, name in ipairs(settings.names) do
    local mode = zone:get("word " .. first .. " " .. name) or zone:get("word " .. second .. " " .. name) or "auto"
    local before = zone:get("mode " .. name) or "auto"
    if mode ~= before then
      zone:set("mode " .. name, mode)
      seen_at = nil
      ngx.log(ngx.NOTICE, "gateway: ", name, " is switched from ", before, " to ", mode)
    end
  end
end

-- @return the word, without the line break that a file or a pipe may have put behind it; nil where there is none
local function word(name, value, store)
  if value == nil then
    return nil
  end
  local text = string.match(value, "^%s*(.-)%s*$")
  if WORDS[text] then
    return text
  end
  local shown = string.gsub(string.sub(text, 1, SHOWN), "%c", "?") .. (#text > SHOWN and "…" or "")
  local must = " must be auto, service, cache, static or empty, and stays as it was"
  -- Another text is told at once.
  quiet.warn("word " .. name .. " " .. shown, "the switch of ", name, " in ", store, ' is "', shown, '" and', must)
  return UNKNOWN
end

local stores = {}

function stores.redis()
  local command = { "MGET" }
  for i, name in ipairs(settings.names) do
    command[i + 1] = settings.redisPrefix .. name
  end
  local values, err = redis.call(unpack(command))
  if not values then
    return nil, err
  end
  local words = {}
  for i, name in ipairs(settings.names) do
    words[name] = word(name, values[i] ~= redis.null and values[i] or nil, "Redis")
  end
  return words
end

local function read_consul(server)
  local found, err = consul.get(server, "/v1/kv/" .. settings.consulPrefix .. "/?recurse", CONSUL_TIMEOUT_MS, ngx.worker.exiting)
  if not found then
    return nil, err
  end
  -- Consul's way to say that nothing is under the prefix.
  local keys = found.status == 404 and {} or found.status == 200 and json.decode(found.body)
  if type(keys) ~= "table" then
    return nil, "status " .. found.status
  end
  local words = {}
  for _, entry in ipairs(keys) do
    local name = string.sub(entry.Key, #settings.consulPrefix + 2)
    local value = type(entry.Value) == "string" and ngx.decode_base64(entry.Value) or nil
    words[name] = word(name, value, "Consul")
  end
  return words
end

function stores.consul()
  local words, err = read_consul(settings.consul[current])
  if not words then
    current = current % #settings.consul + 1
  end
  return words, err
end

local function read(premature, store)
  if premature or is_reading[store] then
    return
  end
  is_reading[store] = true
  local ran, words, err = pcall(stores[store])
  is_reading[store] = false
  if ran and words then
    zone:delete("away " .. store)
    note(store, words)
    apply()
    return
  end
  -- Since when: the first of the failures.
  zone:add("away " .. store, ngx.now())
  if store == "consul" or not ran then
    -- That Redis is away is said where it is called.
    quiet.warn("switches " .. store, "the switches stay as they are, for ", store, " cannot be read: ", ran and err or words)
  end
end

--- @param switch_settings  { stores, names, redisPrefix, consulPrefix, consul }
function _M.use_settings(switch_settings)
  settings = switch_settings
end

--- In each worker; one of them reads.
function _M.start()
  if ngx.worker.id() ~= 0 then
    return
  end
  -- What a store has said that is no longer read is forgotten.
  local read_from = {}
  for _, store in ipairs(settings.stores) do
    read_from[store] = true
  end
  for store in pairs(stores) do
    if not read_from[store] then
      note(store, {})
    end
  end
  for _, store in ipairs(settings.stores) do
    assert(ngx.timer.at(0, read, store))
    assert(ngx.timer.every(INTERVAL, read, store))
  end
end

--- What a location is switched to.
function _M.mode(name)
  local now = ngx.now()
  if now ~= seen_at then
    seen, seen_at = {}, now
  end
  local mode = seen[name]
  if not mode then
    mode = zone:get("mode " .. name) or "auto"
    seen[name] = mode
  end
  return mode
end

return _M
