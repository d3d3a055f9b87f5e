-- Keeps good answers of the service for the tiers below. A request notes its answer in a list in shared memory when
-- it has ended; one worker writes what is there to Redis and to the files.

local answer = require "gateway.tiers.answer"
local cache = require "gateway.tiers.cache"
local files = require "gateway.tiers.files"
local json = require "gateway.json"
local quiet = require "gateway.tiers.quiet"

local _M = {}

local zone = ngx.shared.gateway_fills

-- How often the list is emptied, in seconds, and how many answers may wait in it; more are dropped.
local INTERVAL = 0.1
local WAITING = 1000
-- Between the answers that are written a worker goes on with its requests.
local BREATH = 0.001
local MAX_URI = 1024

local is_writing = false

local function fresh_key(name, uri)
  return "fresh " .. name .. " " .. uri
end

--- In the header filter: whether the answer that begins here is to be kept; its body is collected then.
-- @param settings  { maxBytes, refreshSeconds }
function _M.begin(name, context, settings)
  local uri = context.uri
  if ngx.status ~= 200 or not context.is_readable or ngx.req.get_method() ~= "GET" or #uri > MAX_URI
    or zone:get(fresh_key(name, uri)) then
    return
  end
  -- All of them: by default the list ends at a hundred.
  local headers = ngx.resp.get_headers(0)
  local length = tonumber(headers["content-length"])
  if (length and length > settings.maxBytes) or not answer.is_public(headers) then
    return
  end
  context.kept = { service = name, uri = uri, stored = ngx.now(), headers = answer.kept(headers) }
  context.length = length
  context.chunks, context.size = {}, 0
end

--- In the body filter.
function _M.collect(context, settings)
  local chunk, is_last = ngx.arg[1], ngx.arg[2]
  if chunk ~= "" then
    context.size = context.size + #chunk
    if context.size > settings.maxBytes then
      context.chunks = nil
      return
    end
    table.insert(context.chunks, chunk)
  end
  context.is_whole = is_last
end

--- In the log phase: notes the answer, if it came whole.
function _M.finish(context, settings)
  local kept = context.kept
  if not context.is_whole or (context.length and context.length ~= context.size) then
    return
  end
  -- Of those who asked for the same at the same time one is enough.
  if zone:llen("answers") >= WAITING or not zone:add(fresh_key(kept.service, kept.uri), true, settings.refreshSeconds) then
    return
  end
  kept.body = table.concat(context.chunks)
  local ok, err = zone:lpush("answers", answer.encode(kept, json.encode))
  if not ok then
    quiet.warn("fills", "an answer is not kept: ", err)
  end
end

local function write(text, settings)
  local about = json.decode(string.sub(text, 1, string.find(text, "\n", 1, true) - 1))
  local kept = answer.decode(text, about.service, about.uri, json.decode)
  local ok, err = cache.put(kept, settings[kept.service].cacheSeconds)
  -- That Redis is away is said where it is called.
  if not ok and not string.find(tostring(err), "away", 1, true) then
    quiet.warn("cache", "cannot keep an answer in Redis: ", tostring(err))
  end
  ok, err = files.put(kept)
  if not ok then
    quiet.warn("files", "cannot keep an answer in a file: ", tostring(err))
  end
end

local function write_all(premature, settings)
  if premature or is_writing then
    return
  end
  is_writing = true
  local ran, err = pcall(function()
    for _ = 1, WAITING do
      local text = zone:rpop("answers")
      if not text then
        return
      end
      write(text, settings)
      ngx.sleep(BREATH)
    end
  end)
  is_writing = false
  if not ran then
    quiet.warn("filling", "an answer was not kept: ", err)
  end
end

--- In each worker; one of them writes. @param settings  fill's settings by location
function _M.start(settings)
  if ngx.worker.id() == 0 then
    assert(ngx.timer.every(INTERVAL, write_all, settings))
  end
end

return _M
