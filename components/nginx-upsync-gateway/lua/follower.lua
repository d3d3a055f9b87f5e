-- Follows the prefix in Consul: one blocking query per worker, renewed for as long as the worker lives.

local consul = require "gateway.consul"
local dump = require "gateway.dump"
local entries = require "gateway.entries"
local json = require "gateway.json"
local timers = require "gateway.timer"
local upstreams = require "gateway.upstreams"

local _M = {}

local WAIT_SECONDS = 10
-- Consul adds up to a sixteenth of the wait, so that not all queries end at once. A server that is silent
-- for longer than both is frozen.
local BLOCKING_TIMEOUT_MS = math.ceil((WAIT_SECONDS + WAIT_SECONDS / 16 + 1) * 1000)
-- A query without an index is answered at once.
local FIRST_TIMEOUT_MS = 2000

local settings
-- The server in use, as its place in settings.consul.
local current
local index = 0
local last_body
-- Tries since the last answer.
local failures = 0
-- The last thing that went wrong, so that an outage makes one line and not two a second.
local last_trouble
-- Key → ModifyIndex of the values already complained about.
local reported = {}
local is_stale = false
local timer

local codec = { json = json.decode, base64 = ngx.decode_base64 }

local function path()
  local kv = "/v1/kv/" .. settings.prefix .. "/?recurse"
  if index > 0 then
    return kv .. "&index=" .. index .. "&wait=" .. WAIT_SECONDS .. "s"
  end
  return kv
end

-- Consul's rules for blocking queries: an index that is missing or not above zero, or that went backwards
-- (a restored or emptied server), means to start over without one.
local function next_index(answer)
  local given = tonumber(answer.headers["x-consul-index"])
  if not given or given < 1 or given < index then
    return 0
  end
  return given
end

local function report(faults)
  local still_there = {}
  for _, fault in ipairs(faults) do
    still_there[fault.key] = fault.modify_index
    -- The workers all see it; one of them says it.
    if reported[fault.key] ~= fault.modify_index and ngx.worker.id() == 0 then
      ngx.log(ngx.WARN, "gateway: skipping ", (string.gsub(fault.key, "%c", "?")), ": ", fault.reason)
    end
  end
  reported = still_there
end

local function decode(answer)
  -- Consul's way to say that nothing is under the prefix.
  if answer.status == 404 then
    return {}
  end
  if answer.status ~= 200 then
    return nil, "status " .. answer.status .. ": " .. string.sub(answer.body, 1, 200)
  end
  local pairs_read = json.decode(answer.body)
  if type(pairs_read) ~= "table" then
    return nil, "an answer that is not JSON"
  end
  return pairs_read
end

-- One query. Gives true, or nil and what went wrong.
local function pull()
  local server = settings.consul[current]
  local answer, err = consul.get(server, path(), index > 0 and BLOCKING_TIMEOUT_MS or FIRST_TIMEOUT_MS, ngx.worker.exiting)
  if not answer then
    return nil, err
  end
  local pairs_read
  pairs_read, err = decode(answer)
  if not pairs_read then
    return nil, err
  end

  local seen = next_index(answer)
  -- A wait that ended without a change brings the same text; there is nothing to decode then.
  if answer.body ~= last_body then
    local lists, faults = entries.decode(pairs_read, settings.prefix, upstreams.routed(), codec)
    report(faults)
    if upstreams.apply(lists, seen) then
      dump.write_soon()
    end
    last_body = answer.body
  end
  index = seen
  upstreams.confirm(seen)
  return true
end

local function recovered(server)
  if last_trouble then
    ngx.log(ngx.NOTICE, "gateway: following Consul again at ", server.host, ":", server.port)
    last_trouble = nil
  end
  failures = 0
  is_stale = false
end

-- Goes to the next server at once; only after all of them failed comes the pause.
-- @return how long to wait, in seconds
local function failed(server, err)
  if err == "stopped" then
    return 0
  end
  local trouble = server.host .. ":" .. server.port .. ": " .. tostring(err)
  if failures < #settings.consul and trouble ~= last_trouble then
    ngx.log(ngx.WARN, "gateway: cannot follow Consul at ", trouble)
    last_trouble = trouble
  end
  failures = failures + 1
  current = current % #settings.consul + 1
  if failures >= #settings.consul then
    upstreams.mark_started()
  end
  upstreams.note_asked()
  return failures % #settings.consul == 0 and settings.intervalMs / 1000 or 0
end

-- Each query has its own timer: what a query allocates is freed with it.
local function follow(premature)
  if premature or ngx.worker.exiting() then
    return
  end
  local server = settings.consul[current]
  local ran, ok, err = pcall(pull)
  local pause = 0
  if ran and ok then
    recovered(server)
    -- Without an index the next answer comes at once: whoever gives none is polled, not hammered.
    pause = index == 0 and settings.intervalMs / 1000 or 0
  else
    -- Whatever it was, the next answer is read from scratch.
    if not ran then
      last_body = nil
    end
    pause = failed(server, ran and err or ok)
  end

  timer:set(pause)
end

--- Goes on where the timer of the next query was lost; a timer that nginx repeats has to call this. The lists' age says it too.
function _M.watch()
  if timer:is_lost() and not ngx.worker.exiting() then
    local trouble = "the timer of the next query was lost"
    if trouble ~= last_trouble then
      ngx.log(ngx.WARN, "gateway: cannot follow Consul: ", trouble)
      last_trouble = trouble
    end
    timer:set(0)
  end
end

--- Says once that the lists are older than allowed; they stay in use, for nothing better is known.
function _M.check_age(confirmed_at)
  if confirmed_at and not is_stale and ngx.now() - confirmed_at > settings.timeoutSeconds then
    is_stale = true
    ngx.log(ngx.ERR, "gateway: no word from Consul for more than ", settings.timeoutSeconds, " s")
  end
end

function _M.start(gateway_settings)
  settings = gateway_settings
  -- The workers spread over the servers.
  current = ngx.worker.id() % #settings.consul + 1
  timer = timers.new(follow)
  return timer:set(0)
end

return _M
