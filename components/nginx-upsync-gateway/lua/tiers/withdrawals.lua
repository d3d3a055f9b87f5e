-- What the service gives no more is taken out of Redis and the files. What one gateway takes away the others must not
-- give either: each has files of its own, and finds in a list in Redis what to take out of them. One that was down
-- meanwhile reads the list from its beginning. What Redis did not take, for it was away or refused, is kept and tried again.

local cache = require "gateway.tiers.cache"
local files = require "gateway.tiers.files"
local quiet = require "gateway.tiers.quiet"
local redis = require "gateway.redis"

local _M = {}

local STREAM = "gateway:withdrawn"
-- Withdrawals that Redis keeps, about; further back nobody can look.
local KEPT = "10000"
-- How long a withdrawal is remembered, in seconds: answers from before it may still be on their way to the tiers.
local REMEMBERED = 60
-- How often the list is read, in seconds, and how much of it at a time.
local INTERVAL = 1
local BATCH = "500"
-- Memory, in bytes, that what Redis is still to be told leaves to what waits beside it.
local RESERVED = 2 * 1024 * 1024

local marks = ngx.shared.gateway_marks
-- What Redis is still to be told, as "what service uri" → time: a reload or a worker that dies forgets none of it.
local zone = ngx.shared.gateway_fills
-- Of the last one that was read.
local last = "0"
local is_reading = false

local TRIES = { remove = cache.remove }

function TRIES.tell(service, uri, time)
  return redis.call("XADD", STREAM, "MAXLEN", "~", KEPT, "*", "service", service, "uri", uri, "time", time)
end

-- @return whether Redis took it
local function try(key, what, service, uri, time)
  local ok, err = TRIES[what](service, uri, time)
  if not ok then
    -- That Redis is away is said where it is called.
    if not string.find(tostring(err), "away", 1, true) then
      quiet.warn("withdrawing", "Redis did not take what is given no more, which is tried again: ", tostring(err))
    end
    return false
  end
  -- A later one may have been noted meanwhile.
  if zone:get(key) == time then
    zone:delete(key)
  end
  return true
end

local function key_of(what, service, uri)
  return what .. " " .. service .. " " .. uri
end

-- Noted before it is tried, so that nothing is forgotten on the way.
local function through(what, service, uri, time)
  local key = key_of(what, service, uri)
  local noted, ok, err = zone:get(key), nil, "no memory"
  if noted or zone:free_space() >= RESERVED then
    ok, err = zone:safe_set(key, math.max(noted or time, time))
  end
  if not ok then
    quiet.warn("withdrawals kept", "what Redis does not take of what is given no more is not tried again: ", err)
  end
  try(key, what, service, uri, time)
end

-- Looking at one puts it behind the others: one that Redis never takes holds up no other for long.
local function try_again()
  for _, key in ipairs(zone:get_keys(tonumber(BATCH))) do
    local what, service, uri = string.match(key, "^(%l+) (%S+) (.+)$")
    local time = TRIES[what] and zone:get(key)
    if time and not try(key, what, service, uri, time) then
      return
    end
  end
end

local function mark_key(service, uri)
  return "withdrawn " .. service .. " " .. uri
end

--- The time of a withdrawal of late that what was kept of the service is from before, or nil. @param kept  { service, uri, stored }
function _M.since(kept)
  local time = marks:get(mark_key(kept.service, kept.uri))
  return time and kept.stored < time and time or nil
end

--- Whether what Redis has of the service is still to be taken out of it. @param found  { service, uri, stored }
function _M.is_left(found)
  local time = zone:get(key_of("remove", found.service, found.uri))
  return time ~= nil and found.stored < time
end

--- Takes away what was kept before a time.
function _M.apply(service, uri, time)
  marks:set(mark_key(service, uri), time, REMEMBERED)
  files.remove(service, uri, time)
  if redis.is_configured() then
    through("remove", service, uri, time)
  end
end

--- Tells the other gateways. @param time  when the service said it
function _M.tell(service, uri, time)
  if redis.is_configured() then
    through("tell", service, uri, time)
  end
end

local function fields(list)
  local found = {}
  for i = 1, #list, 2 do
    found[list[i]] = list[i + 1]
  end
  return found
end

local function take(entry)
  local told = fields(entry[2])
  local time = tonumber(told.time)
  if told.service and told.uri and time then
    _M.apply(told.service, told.uri, time)
  end
  last = entry[1]
end

-- @return how many there were, nil where Redis is away
local function read_batch()
  local streams = redis.call("XREAD", "COUNT", BATCH, "STREAMS", STREAM, last)
  local entries = type(streams) == "table" and streams[1][2] or {}
  for _, entry in ipairs(entries) do
    take(entry)
  end
  return #entries
end

local function read_all(premature)
  if premature or is_reading then
    return
  end
  is_reading = true
  local ran, err = pcall(function()
    try_again()
    while read_batch() == tonumber(BATCH) do
      -- A worker goes on with its requests.
      ngx.sleep(0.001)
    end
  end)
  is_reading = false
  if not ran then
    quiet.warn("withdrawals", "what other gateways have taken away cannot be read: ", err)
  end
end

--- In the worker that writes the files.
function _M.start()
  if redis.is_configured() then
    assert(ngx.timer.every(INTERVAL, read_all))
  end
end

return _M
