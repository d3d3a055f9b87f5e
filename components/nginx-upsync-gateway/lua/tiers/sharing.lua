-- Whether buckets that gateways are to share are counted for all of them. Redis may be away, or refuse to count.

local quiet = require "gateway.tiers.quiet"

local _M = {}

-- For so long a bucket counts as apart after Redis has not counted for it, and so often a worker says so, in seconds.
local LIFE = 10
local INTERVAL = 1

local zone = ngx.shared.gateway_tiers

-- Names of the locations that share their buckets.
local names = {}
-- By a bucket's settings: when this worker has last said that it is apart.
local said = {}

-- A key's first word after its prefix is the location's name.
local function name_of(key)
  return string.match(key, "^gateway:bucket:(%S+)")
end

--- In the master. @param locations  by their names
function _M.use_settings(locations)
  for name, location in pairs(locations) do
    if location.bucket.together then
      table.insert(names, name)
    end
  end
end

--- Redis has counted. Costs next to nothing while it does.
function _M.counted(key, settings)
  if said[settings] then
    said[settings] = nil
    zone:delete("apart " .. name_of(key))
  end
end

--- Redis has not counted, and the gateway does so for itself.
function _M.refused(key, settings, err)
  local name, now = name_of(key), ngx.now()
  if now >= (said[settings] or 0) + INTERVAL then
    said[settings] = now
    zone:set("apart " .. name, true, LIFE)
  end
  -- What a server says is wrong begins in capitals; of one that is away those tell who call it.
  if err and string.find(err, "^%u%u") then
    local is_right = string.find(err, "^NOPERM") or string.find(err, "ACL", 1, true)
    local remedy = is_right and "; the gateway's user in Redis needs the commands eval, evalsha and time, and the keys gateway:*" or ""
    quiet.warn("apart " .. name, "the bucket of ", name, " is not shared", remedy, ": ", err)
  end
end

--- By its name, of each location that shares its bucket: whether it does, as far as is known.
function _M.states()
  local states = {}
  for _, name in ipairs(names) do
    states[name] = not zone:get("apart " .. name)
  end
  return states
end

return _M
