-- Answers in Redis, where all gateways find them. Each service has a fixed number of places there, by a hash of the
-- URL, so that nobody who asks for ever new ones fills Redis up.

local answer = require "gateway.tiers.answer"
local json = require "gateway.json"
local redis = require "gateway.redis"

local _M = {}

local places

--- In the master. @param count  places of each service
function _M.use_settings(count)
  places = count
end

local function key(service, uri)
  return "gateway:answer:" .. service .. ":" .. ngx.crc32_long(uri) % places
end

--- The answer kept for a request; nil when there is none, or Redis is away.
function _M.get(service, uri)
  if not redis.is_configured() then
    return nil
  end
  local text = redis.call("GET", key(service, uri))
  return text and answer.decode(text, service, uri, json.decode)
end

--- Keeps an answer, unless its place is another one's that is in use.
-- @param seconds  for how long Redis keeps it
-- @param held     for how long the other one is taken to be in use, in seconds
-- @return whether it is kept or need not be, or nil and the error
function _M.put(kept, seconds, held)
  if not redis.is_configured() then
    return true
  end
  local place = key(kept.service, kept.uri)
  local there, err = redis.call("GET", place)
  if err then
    return nil, err
  end
  if there and answer.is_held(answer.about(there, json.decode), kept, held) then
    return true
  end
  return redis.call("SET", place, answer.encode(kept, json.encode), "EX", seconds)
end

--- Takes an answer away; what has its place by now stays.
-- @param before  time: one that was kept later stays
-- @return true when there is none any more, or nil and the error
function _M.remove(service, uri, before)
  if not redis.is_configured() then
    return true
  end
  local place = key(service, uri)
  local text, err = redis.call("GET", place)
  if err then
    return nil, err
  end
  local found = text and answer.decode(text, service, uri, json.decode)
  if found and found.stored < before then
    return redis.call("DEL", place)
  end
  return true
end

return _M
