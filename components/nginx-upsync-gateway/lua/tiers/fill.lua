-- Keeps good answers of the service for the tiers below, and takes away what the service gives no more. A request
-- notes that in a list in shared memory when it has ended; one worker does in Redis and the files what is there.

local answer = require "gateway.tiers.answer"
local cache = require "gateway.tiers.cache"
local files = require "gateway.tiers.files"
local json = require "gateway.json"
local quiet = require "gateway.tiers.quiet"
local withdrawals = require "gateway.tiers.withdrawals"

local _M = {}

-- What was done of late is not done again. In memory of its own: where that is full the oldest mark makes room, and
-- nothing that waits in the list is lost for it.
local marks = ngx.shared.gateway_marks
local zone = ngx.shared.gateway_fills

-- How often the list is emptied, in seconds, and how many notes may wait in it for an answer to be noted as well.
local INTERVAL = 0.1
local WAITING = 1000
-- Memory, in bytes, that answers leave to what must not be dropped: that there is none any more.
local RESERVED = 4 * 1024 * 1024
-- Between the answers that are written a worker goes on with its requests.
local BREATH = 0.001
local MAX_URI = 1024
-- For how long an answer that was kept holds its place against others, in seconds: at least so long, and as long as it
-- takes to be kept anew twice.
local HELD = 60
-- How long the first request for a URL with a query is remembered, in seconds.
local SEEN = 60

-- Statuses that say of a URL that it has nothing, nothing for everybody, or that it is elsewhere, as at a login.
local WITHDRAWN = {}
for _, status in ipairs({ 204, 301, 302, 303, 307, 308, 401, 402, 403, 404, 410, 451 }) do
  WITHDRAWN[status] = true
end

local is_writing = false

local function fresh_key(name, uri)
  return "fresh " .. name .. " " .. uri
end

-- Queries can be made up without end: an answer to one takes a place only when it is asked for a second time.
local function is_asked_for(name, uri)
  return not string.find(uri, "?", 1, true) or not marks:add("seen " .. name .. " " .. uri, true, SEEN)
end

local function gone_key(name, uri)
  return "gone " .. name .. " " .. uri
end

--- In the header filter: whether the answer that begins here is to be kept, and its body is collected, or says that
-- the one before it must not be.
-- @param settings  { maxBytes, refreshSeconds }
-- @param has_space  whether there is memory to collect it in; where there is none, another time will do
function _M.begin(name, context, settings, has_space)
  local uri = context.uri
  if not context.is_readable or ngx.req.get_method() ~= "GET" or #uri > MAX_URI then
    return
  end
  context.is_withdrawn = WITHDRAWN[ngx.status]
  if ngx.status ~= 200 or marks:get(fresh_key(name, uri)) then
    return
  end
  -- All of them: by default the list ends at a hundred.
  local headers = ngx.resp.get_headers(0)
  local length = tonumber(headers["content-length"])
  if (length and length > settings.maxBytes) or not answer.is_public(headers) then
    context.is_withdrawn = true
    return
  end
  if not has_space or not is_asked_for(name, uri) then
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
      context.chunks, context.is_withdrawn = nil, true
      return
    end
    table.insert(context.chunks, chunk)
  end
  context.is_whole = is_last
end

-- @return whether it is in the list
local function note(text)
  local length, err = zone:lpush("answers", text)
  if not length then
    quiet.warn("fills", "an answer is neither kept nor taken away: ", err)
  end
  return length
end

local function withdraw(name, uri, settings)
  local key = gone_key(name, uri)
  marks:delete(fresh_key(name, uri))
  if not marks:add(key, true, settings.refreshSeconds) then
    return
  end
  if not note(json.encode({ service = name, uri = uri, gone = ngx.now() }) .. "\n") then
    marks:delete(key)
  end
end

local function has_room()
  return zone:llen("answers") < WAITING and zone:free_space() >= RESERVED
end

local function keep(kept, settings)
  local key = fresh_key(kept.service, kept.uri)
  -- Of those who asked for the same at the same time one is enough.
  if not has_room() or not marks:add(key, true, settings.refreshSeconds) then
    return
  end
  marks:delete(gone_key(kept.service, kept.uri))
  if not note(answer.encode(kept, json.encode)) then
    marks:delete(key)
  end
end

--- In the log phase: notes the answer, if it came whole, or that there is none any more.
function _M.finish(context, settings)
  if context.is_withdrawn then
    return withdraw(context.location, context.uri, settings)
  end
  local kept = context.kept
  if kept and context.is_whole and (not context.length or context.length == context.size) then
    kept.body = table.concat(context.chunks)
    keep(kept, settings)
  end
end

local function keep_in_redis(kept, seconds, held)
  local ok, err = cache.put(kept, seconds, held)
  -- That Redis is away is said where it is called.
  if not ok and not string.find(tostring(err), "away", 1, true) then
    quiet.warn("cache", "cannot keep an answer in Redis: ", tostring(err))
  end
end

local function keep_in_file(kept, held)
  local ok, err = files.put(kept, held)
  if not ok then
    quiet.warn("files", "cannot keep an answer in a file: ", tostring(err))
  end
end

local function write(text, settings)
  local about = json.decode(string.sub(text, 1, string.find(text, "\n", 1, true) - 1))
  if about.gone then
    withdrawals.apply(about.service, about.uri, about.gone)
    return withdrawals.tell(about.service, about.uri, about.gone)
  end
  local kept = answer.decode(text, about.service, about.uri, json.decode)
  if withdrawals.since(kept) then
    return
  end
  local fill = settings[kept.service]
  local held = math.max(HELD, 2 * fill.refreshSeconds)
  keep_in_redis(kept, fill.cacheSeconds, held)
  -- Another gateway may have taken it away meanwhile.
  local withdrawn = withdrawals.since(kept)
  if withdrawn then
    return withdrawals.apply(kept.service, kept.uri, withdrawn)
  end
  keep_in_file(kept, held)
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
    files.clear_others()
    withdrawals.start()
    assert(ngx.timer.every(INTERVAL, write_all, settings))
  end
end

return _M
