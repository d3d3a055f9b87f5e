-- Calls Redis: single commands, and several in one round trip.

local pool = require "gateway.redis_pool"

-- `null` stands for what is absent inside a list of replies.
local _M = { null = ngx.null, use_settings = pool.use_settings, is_configured = pool.is_configured, load_client = pool.load_client }

-- Commands that leave something behind in the connection, for whoever has it next.
local LASTING = {
  AUTH = true, CLIENT = true, HELLO = true, MONITOR = true, MULTI = true, PSUBSCRIBE = true, RESET = true, SELECT = true,
  SSUBSCRIBE = true, SUBSCRIBE = true, WATCH = true,
}
-- Of these, those that the end of a transaction takes back.
local IN_TRANSACTION = { MULTI = true, WATCH = true }

local function refusal(command)
  return nil, command .. " would change a connection that others use"
end

--- One command: `redis.call("SET", "greeting", "hello", "EX", 60)`.
-- @return the reply, nil for what is absent; or nil and the error
function _M.call(command, ...)
  command = string.upper(command)
  if LASTING[command] then
    return refusal(command)
  end
  local arguments, count = { ... }, select("#", ...)
  local name = string.lower(command)
  local reply, err = pool.run(function(connection)
    return connection[name](connection, unpack(arguments, 1, count))
  end)
  if reply == _M.null then
    return nil
  end
  return reply, err
end

local function commit(connection, commands)
  connection:init_pipeline(#commands)
  for _, command in ipairs(commands) do
    connection[string.lower(command[1])](connection, unpack(command, 2))
  end
  local replies, err = connection:commit_pipeline()
  if not replies then
    return nil, err
  end
  for i, reply in ipairs(replies) do
    if type(reply) == "table" and reply[1] == false then
      return false, i == 1 and reply[2] or commands[i][1] .. ": " .. reply[2]
    end
  end
  return replies
end

--- Several commands in one round trip; between MULTI and EXEC they are one step.
-- @param commands  a list of lists: { { "INCR", "hits" }, { "GET", "greeting" } }
-- @return the replies in order, `redis.null` for what is absent; or nil and the first error, where others may have been run
function _M.pipeline(commands)
  local is_open = false
  for _, command in ipairs(commands) do
    local name = string.upper(command[1])
    if LASTING[name] and not IN_TRANSACTION[name] then
      return refusal(name)
    end
    is_open = IN_TRANSACTION[name] or is_open and name ~= "EXEC" and name ~= "DISCARD"
  end
  if is_open then
    return nil, "a transaction must end in the pipeline that it begins in"
  end
  return pool.run(function(connection)
    return commit(connection, commands)
  end)
end

return _M
