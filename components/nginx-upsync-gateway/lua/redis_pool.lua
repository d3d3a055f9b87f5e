-- The connections to Redis that each worker keeps. One is held for one exchange only and never by a request, so
-- that none is lost with it; there are never more of them than the settings allow.

local semaphore = require "ngx.semaphore"
local sentinels = require "gateway.sentinels"

local _M = {}

local IDLE_MS = 30000
-- For so long after a failure calls fail at once instead of waiting for their timeout, in seconds.
local PAUSE = 0.5
-- Calls that wait for a connection when all are in use.
local WAITING = 1000
-- How often the log says that Redis is away, in seconds.
local QUIET = 60
local AWAY = "Redis is away"
-- Ways in which a server says that it is not, or not yet, the primary: it has not run the command.
local ELSEWHERE = { READONLY = true, LOADING = true, MASTERDOWN = true }

-- The library, which an image needs only where there is a Redis.
local client
local settings
-- The server that was last found to be the primary.
local current
local away_until = 0
-- Grows with each answer that did not come in time: connections from before it are not taken again, for each of them
-- would have to be waited for once.
local epoch = 0
local was_away = false
-- Set while one request of the worker looks for the primary; the others wait for what it finds.
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

local function went_away(why)
  current = nil
  was_away = true
  away_until = ngx.now() + PAUSE
  say_once("away", ngx.WARN, AWAY, ": ", why)
end

local function came_back(server)
  if was_away then
    was_away = false
    say_once("back", ngx.NOTICE, "Redis answers again at ", server.host, ":", server.port)
  end
end

local function log_in(connection)
  connection:init_pipeline()
  connection:auth(settings.user, settings.password)
  connection:role()
  local replies, err = connection:commit_pipeline()
  if not replies then
    return nil, err
  end
  local login, role = replies[1], replies[2]
  if type(login) == "table" then
    return nil, login[2]
  end
  -- A user that may not ask is believed to have been sent to the right one.
  if role[1] and role[1] ~= "master" then
    return nil, "it is a " .. tostring(role[1])
  end
  return true
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
    ok, err = log_in(connection)
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

local function acquire()
  if ngx.now() < away_until then
    return nil, AWAY
  end
  if not current then
    return look_together()
  end
  local connection, err = open(current)
  if connection or err == "too many waiting connect operations" then
    return connection, err
  end
  current = nil
  return look_together()
end

-- One exchange over a connection. @return the reply, or nil or false and the error, and whether it surely was not run
local function attempt(exchange)
  local connection, err = acquire()
  if not connection then
    return nil, err
  end
  local reply
  reply, err = exchange(connection)
  if reply == nil then
    connection:close()
    current = nil
    if err == "timeout" then
      epoch = epoch + 1
    end
    return nil, err
  end
  if reply == false and ELSEWHERE[string.match(tostring(err), "^%u+")] then
    connection:close()
    current = nil
    return nil, err, true
  end
  if not connection:set_keepalive(IDLE_MS, settings.connections) then
    connection:close()
  end
  return reply, err
end

--- Has a function send commands over a connection to the primary and read the replies.
-- @param exchange  function(connection): the replies, false and a reply that is an error, or nil and what broke the connection
-- @return the replies, or nil and the error
function _M.run(exchange)
  if not settings then
    return nil, "the gateway has no Redis"
  end
  local reply, err, not_run = attempt(exchange)
  if not_run then
    reply, err = attempt(exchange)
  end
  if reply == nil or reply == false then
    return nil, err
  end
  return reply
end

return _M
