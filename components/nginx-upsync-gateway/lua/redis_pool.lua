-- The connections to Redis that each worker keeps. One is held for one exchange only and never by a request, so
-- that none is lost with it; there are never more of them than the settings allow.

local semaphore = require "ngx.semaphore"
local login = require "gateway.redis_login"
local sentinels = require "gateway.sentinels"

local _M = {}

local IDLE_MS = 30000
-- How often a worker looks whether a Redis that is away answers again, in seconds. No call waits for that: it fails at once meanwhile.
local PAUSE = 0.5
-- Calls that wait for a connection when all are in use.
local WAITING = 1000
-- How often the log says that Redis is away, in seconds.
local QUIET = 60
local AWAY = "Redis is away"
-- How much later than it was set a worker may come to a timer and still know by it that Redis was silent, in seconds: one that was busy with
-- other requests for longer may have the answer unread.
local LATE = 0.05
-- How often a call that may be run again is, where Redis answers others meanwhile: those that wait for a connection behind many others.
local ATTEMPTS = 4
-- Ways in which a server says that it is not, or not yet, the primary: it has not run the command.
local ELSEWHERE = { READONLY = true, LOADING = true, MASTERDOWN = true }

-- The library, which an image needs only where there is a Redis.
local client
local settings
-- The server that was last found to be the primary.
local current
local is_away = false
-- Grows each time that Redis goes away: connections from before it are not taken again, for each of them would have to be waited for once.
local epoch = 0
-- Whether the log has that Redis is away.
local is_said = false
-- When this worker read an answer last.
local answered_at = 0
-- Set while one call of the worker looks for the primary; unless Redis is away the others wait for what it finds.
local looking = false
local found

--- Raises an error where the image has no library for Redis.
function _M.load_client()
  client = require "nginx.redis"
end

--- In the master. @param redis_settings  nil where the gateway has no Redis
function _M.use_settings(redis_settings)
  if not redis_settings then
    return
  end
  _M.load_client()
  local path = ngx.config.prefix() .. redis_settings.passwordFile
  local file = assert(io.open(path, "r"))
  -- The file ends in a line break, the password does not.
  redis_settings.password = file:read("*l")
  file:close()
  settings = redis_settings
end

--- Whether the gateway has a Redis; it may be away.
function _M.is_configured()
  return settings ~= nil
end

local function say_once(what, level, ...)
  if ngx.shared.gateway_redis:add(what, true, QUIET) then
    ngx.log(level, "gateway: ", ...)
  end
end

local function go_away()
  current = nil
  if not is_away then
    is_away = true
    epoch = epoch + 1
  end
end

local function went_away(why)
  go_away()
  is_said = true
  say_once("away", ngx.WARN, AWAY, ": ", why)
end

local function came_back(server)
  is_away = false
  if is_said then
    is_said = false
    say_once("back", ngx.NOTICE, "Redis answers again at ", server.host, ":", server.port)
  end
end

local function open(server)
  local connection = client:new()
  connection:set_timeout(settings.timeoutMs)
  local ok, err = connection:connect(server.host, server.port, {
    pool = "redis:" .. server.host .. ":" .. server.port .. ":" .. epoch,
    pool_size = settings.connections,
    backlog = WAITING,
  })
  if not ok then
    return nil, err
  end
  if connection:get_reused_times() == 0 then
    ok, err = login.log_in(connection, settings)
    if not ok then
      connection:close()
      return nil, err
    end
  end
  return connection
end

-- The server that the Sentinels name; while they are silent, all servers, of which the primary says that it is.
local function candidates()
  local named = #settings.sentinels > 0 and sentinels.primary(settings)
  return named and { named } or settings.servers
end

local function look()
  local why = "no server is known"
  for _, server in ipairs(candidates()) do
    local connection, err = open(server)
    if connection then
      current = server
      came_back(server)
      return connection
    end
    why = server.host .. ":" .. server.port .. ": " .. tostring(err)
  end
  return nil, why
end

local function look_alone()
  looking = true
  local ran, connection, err = pcall(look)
  looking = false
  if not ran or not connection then
    went_away(ran and err or connection)
  end
  local waiting = found and -found:count() or 0
  if waiting > 0 then
    found:post(waiting)
  end
  return ran and connection or nil, AWAY
end

local function release(connection)
  if not connection:set_keepalive(IDLE_MS, settings.connections) then
    connection:close()
  end
end

local function probe(premature)
  if premature or looking or not is_away then
    return
  end
  local connection = look_alone()
  if connection then
    release(connection)
  end
end

-- After an answer that did not come in time nobody else is to wait for another; but one that was asked for before Redis went away tells
-- nothing of the Redis that came back. A single command that took too long has done no more harm than this one look.
-- @param asked_in  epoch
local function fell_silent(asked_in)
  if asked_in == epoch then
    go_away()
    ngx.timer.at(0, probe)
  end
end

-- Whether what did not come in time tells of this worker, and not of Redis: others had their answers since, or the worker was late itself.
-- @param is_again  whether this is not the first time: a Redis that hangs is found to, however busy the worker is
local function is_own_fault(began, is_again)
  if answered_at > began then
    return true
  elseif is_again then
    return false
  end
  -- What the worker has done since nginx last looked at its clock counts as well: timers come behind all that.
  ngx.update_time()
  return ngx.now() - began > settings.timeoutMs / 1000 + LATE
end

local function look_together()
  if not looking then
    return look_alone()
  end
  found = found or semaphore.new()
  found:wait(settings.timeoutMs / 1000)
  if not current then
    return nil, AWAY
  end
  return open(current)
end

-- @return a connection; or nil, the error, and whether that tells of this worker alone
local function acquire(asked_in, is_again)
  if is_away then
    return nil, AWAY
  end
  if not current then
    return look_together()
  end
  local began = ngx.now()
  local connection, err = open(current)
  if connection or err == "too many waiting connect operations" then
    return connection, err
  end
  if err == "timeout" and is_own_fault(began, is_again) then
    return nil, err, true
  elseif err == "timeout" then
    fell_silent(asked_in)
    return nil, AWAY
  end
  current = nil
  return look_together()
end

-- One exchange over a connection.
-- @param is_reading  whether it may be run twice
-- @param is_again  whether this is not the first time
-- @return the reply, or nil or false and the error, and whether it is to be tried again
local function attempt(exchange, is_reading, is_again)
  local asked_in = epoch
  local connection, err, again = acquire(asked_in, is_again)
  if not connection then
    -- Nothing was sent yet, whatever it is.
    return nil, err, again
  end
  local began = ngx.now()
  local reply
  reply, err = exchange(connection)
  if reply == nil then
    connection:close()
    if err == "timeout" and is_own_fault(began, is_again) then
      return nil, err, is_reading
    elseif err == "timeout" then
      fell_silent(asked_in)
    elseif asked_in == epoch then
      current = nil
    end
    return nil, err
  end
  answered_at = ngx.now()
  -- The error of a later one of several commands begins with its name: those before it were run, and are not sent again.
  local later = reply == false and string.match(tostring(err), "^[^ ]+: (%u+)")
  if reply == false and ELSEWHERE[later or string.match(tostring(err), "^%u+")] then
    connection:close()
    current = nil
    return nil, err, not is_again and not later
  end
  release(connection)
  return reply, err
end

--- In each worker.
function _M.start()
  if settings then
    assert(ngx.timer.every(PAUSE, probe))
  end
end

--- Has a function send commands over a connection to the primary and read the replies.
-- @param exchange  function(connection): the replies, false and a reply that is an error, or nil and what broke the connection
-- @param is_reading  whether it changes nothing, and may be run twice
-- @return the replies, or nil and the error
function _M.run(exchange, is_reading)
  if not settings then
    return nil, "the gateway has no Redis"
  end
  local reply, err, again = attempt(exchange, is_reading)
  for _ = 2, ATTEMPTS do
    if not again then
      break
    end
    reply, err, again = attempt(exchange, is_reading, true)
  end
  if reply == nil or reply == false then
    return nil, err
  end
  return reply
end

return _M
