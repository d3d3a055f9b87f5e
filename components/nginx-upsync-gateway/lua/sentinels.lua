-- Asks Redis' Sentinels which server is the primary.

local _M = {}

-- Place of the Sentinel that answered last.
local first = 1

local function ask(sentinel, settings)
  -- The library, which an image needs only where there is a Redis.
  local connection = require("nginx.redis"):new()
  connection:set_timeout(settings.timeoutMs)
  local ok, err = connection:connect(sentinel.host, sentinel.port)
  if not ok then
    return nil, err
  end
  connection:init_pipeline()
  connection:auth(settings.user, settings.password)
  connection:sentinel("get-master-addr-by-name", settings.primaryName)
  local replies
  replies, err = connection:commit_pipeline()
  connection:close()
  local address = replies and replies[2]
  if type(address) ~= "table" or not address[1] then
    return nil, err or "it knows no " .. settings.primaryName
  end
  return { host = address[1], port = tonumber(address[2]) }
end

--- @return { host, port }, or nil and the reason of the last one
function _M.primary(settings)
  local err
  for i = 0, #settings.sentinels - 1 do
    local place = (first + i - 1) % #settings.sentinels + 1
    local server
    server, err = ask(settings.sentinels[place], settings)
    if server then
      first = place
      return server
    end
  end
  return nil, err
end

return _M
