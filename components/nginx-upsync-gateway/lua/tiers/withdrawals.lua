-- What the service gives no more is taken out of Redis and the files. What one gateway takes away the others must not
-- give either: each has files of its own, and finds in a list in Redis what to take out of them. One that was down
-- meanwhile reads the list from its beginning.

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

local marks = ngx.shared.gateway_marks
-- Of the last one that was read.
local last = "0"
local is_reading = false

local function mark_key(service, uri)
  return "withdrawn " .. service .. " " .. uri
end

--- Whether what was kept of the service is from before a withdrawal. @param kept  { service, uri, stored }
function _M.is_over(kept)
  local time = marks:get(mark_key(kept.service, kept.uri))
  return time ~= nil and kept.stored < time
end

--- Takes away what was kept before a time.
function _M.apply(service, uri, time)
  marks:set(mark_key(service, uri), time, REMEMBERED)
  cache.remove(service, uri, time)
  files.remove(service, uri, time)
end

--- Tells the other gateways. @param time  when the service said it
function _M.tell(service, uri, time)
  if redis.is_configured() then
    redis.call("XADD", STREAM, "MAXLEN", "~", KEPT, "*", "service", service, "uri", uri, "time", time)
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
