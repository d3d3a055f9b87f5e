-- Asks a Bloom filter in Redis whether there is what a request asks for. The filter's word counts only where it is
-- known to hold everything: whoever fills it notes in a key beside it the run of the server that it filled it in.
-- A server that has lost its data, or a part of it, would deny what is there.

local quiet = require "gateway.tiers.quiet"
local redis = require "gateway.redis"

local _M = {}

-- How often one worker looks which run the server is in, in seconds, and how long the others believe it.
local INTERVAL = 0.5
local LIFE = 2

local zone = ngx.shared.gateway_tiers

local function look(premature)
  if premature then
    return
  end
  local info = redis.call("INFO", "server")
  local run = info and string.match(info, "run_id:(%w+)")
  if run then
    zone:set("redis run", run, LIFE)
  else
    zone:delete("redis run")
  end
end

--- In each worker; one of them looks.
function _M.start()
  if ngx.worker.id() == 0 then
    assert(ngx.timer.at(0, look))
    assert(ngx.timer.every(INTERVAL, look))
  end
end

--- Raises an error where the pattern cannot be used.
function _M.check(settings)
  local _, err = ngx.re.match("", settings.pattern, "jo")
  if err then
    error("the pattern of the filter " .. settings.name .. " cannot be used: " .. err, 0)
  end
end

--- Whether it is certain that there is no such thing.
-- @param settings  { command, name, filledKey, pattern }
function _M.is_absent(settings, path)
  local match, err = ngx.re.match(path, settings.pattern, "jo")
  if err then
    quiet.warn("filter " .. settings.name, "the pattern of the filter ", settings.name, " fails: ", err)
  end
  local item = match and match[1]
  local run = item and zone:get("redis run")
  if not run then
    return false
  end
  local question = { settings.name, item }
  for i = #settings.command, 1, -1 do
    table.insert(question, 1, settings.command[i])
  end
  local replies = redis.pipeline({ question, { "GET", settings.filledKey } })
  return replies ~= nil and replies[1] == 0 and replies[2] == run
end

return _M
