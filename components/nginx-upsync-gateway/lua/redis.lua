-- Calls Redis: single commands, and several in one round trip.

local pool = require "gateway.redis_pool"

-- `null` stands for what is absent inside a list of replies.
local _M = {
  null = ngx.null, use_settings = pool.use_settings, start = pool.start, is_configured = pool.is_configured, load_client = pool.load_client,
}

-- What the library's connection has beside commands.
local OWN = {
  ADD_COMMANDS = true, ARRAY_TO_HASH = true, CANCEL_PIPELINE = true, CLOSE = true, COMMIT_PIPELINE = true, CONNECT = true,
  GET_REUSED_TIMES = true, INIT_PIPELINE = true, NEW = true, READ_REPLY = true, REGISTER_MODULE_PREFIX = true,
  SET_KEEPALIVE = true, SET_TIMEOUT = true, SET_TIMEOUTS = true,
}
-- Commands that leave something behind in the connection, for whoever has it next, or after which it is one no more.
local LASTING = {
  ASKING = true, AUTH = true, CLIENT = true, HELLO = true, MONITOR = true, MULTI = true, PSUBSCRIBE = true, PSYNC = true, PUNSUBSCRIBE = true,
  QUIT = true, READONLY = true, READWRITE = true, REPLCONF = true, RESET = true, SELECT = true, SSUBSCRIBE = true, SUBSCRIBE = true,
  SUNSUBSCRIBE = true, SYNC = true, UNSUBSCRIBE = true, WATCH = true,
}
-- Single commands that change nothing: one whose answer this worker came too late to read is run again.
local READING = { ["BF.EXISTS"] = true, EXISTS = true, FCALL_RO = true, GET = true, HGET = true, MGET = true, TTL = true }
-- Of the lasting ones, those that the end of a transaction takes back.
local IN_TRANSACTION = { MULTI = true, WATCH = true }

local function refusal(command)
  return nil, OWN[command] and command .. " is no command" or command .. " would change or end a connection that others use"
end

--- One command: `redis.call("SET", "greeting", "hello", "EX", 60)`.
-- @return the reply, nil for what is absent; or nil and the error
function _M.call(command, ...)
  command = string.upper(command)
  if LASTING[command] or OWN[command] then
    return refusal(command)
  end
  local arguments, count = { ... }, select("#", ...)
  local name = string.lower(command)
  local reply, err = pool.run(function(connection)
    return connection[name](connection, unpack(arguments, 1, count))
  end, READING[command])
  if reply == _M.null then
    return nil
  end
  return reply, err
end

-- The error that a reply is, or the first one of a transaction's replies, whose other commands were run.
local function fault_in(reply, is_transaction)
  if type(reply) ~= "table" then
    return nil
  elseif reply[1] == false then
    return reply[2]
  end
  for _, each in ipairs(is_transaction and reply or {}) do
    local fault = fault_in(each)
    if fault then
      return fault
    end
  end
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
    local fault = fault_in(reply, string.upper(commands[i][1]) == "EXEC")
    if fault then
      return false, i == 1 and fault or commands[i][1] .. ": " .. fault
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
    if OWN[name] or LASTING[name] and not IN_TRANSACTION[name] then
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
