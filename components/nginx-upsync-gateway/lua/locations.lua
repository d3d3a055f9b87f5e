-- Locations that the user's own Lua files answer.

local exchange = require "gateway.exchange"
local redis = require "gateway.redis"

local _M = {}

-- All of it that a location is handed.
local HANDED = { call = redis.call, pipeline = redis.pipeline, null = redis.null }

-- name → { run, methods, allow }
local locations = {}

-- A file sees all that there is; what it makes global stays its own.
local function own_globals()
  return setmetatable({}, { __index = _G })
end

local function read(name)
  local chunk = assert(loadfile(ngx.config.prefix() .. "lua/site/locations/" .. name .. ".lua"))
  local run = setfenv(chunk, own_globals())()
  if type(run) ~= "function" then
    error("it must return function(request, redis), and returns a " .. type(run), 0)
  end
  return run
end

local function methods_of(names)
  local methods = {}
  for _, method in ipairs(names) do
    methods[method] = true
  end
  methods.HEAD = methods.GET
  return methods
end

--- Loads the files, in the master: what they do once is done before the first request.
-- @param strict  whether one that cannot be used is an error; if not, its location answers with 500 and the others work
function _M.load(settings, strict)
  for name, location in pairs(settings or {}) do
    local ok, run = pcall(read, name)
    if not ok and strict then
      error("the Lua of " .. name .. " cannot be used: " .. tostring(run), 0)
    end
    if not ok then
      ngx.log(ngx.ERR, "gateway: the Lua of ", name, " cannot be used: ", run)
    end
    locations[name] = {
      run = ok and run or nil,
      methods = methods_of(location.methods),
      allow = table.concat(location.methods, ", "),
    }
  end
end

-- The log is read by lines.
local function one_line(err)
  return (string.gsub(debug.traceback(tostring(err), 2), "%s*\n%s*", " | "))
end

local function call(location, request)
  return exchange.answer(location.run(request, HANDED))
end

local function failed(name, why)
  ngx.log(ngx.ERR, "gateway: the Lua of ", name, " failed: ", why)
  if ngx.headers_sent then
    return ngx.exit(ngx.ERROR)
  end
  exchange.refuse(500, "internal error")
end

--- The content phase of a location.
function _M.answer(name)
  local location = locations[name]
  ngx.ctx.tier = "lua"
  if not location.methods[ngx.req.get_method()] then
    return exchange.refuse(405, "method not allowed", { Allow = location.allow })
  end
  if not location.run then
    return failed(name, "its file cannot be used")
  end
  local request, status, why = exchange.request()
  if not request then
    return exchange.refuse(status, why)
  end

  local ok, answer = xpcall(call, one_line, location, request)
  if not ok then
    return failed(name, answer)
  end
  -- Whoever wrote to the client by itself has answered.
  if not ngx.headers_sent then
    exchange.send(answer)
  end
end

return _M
