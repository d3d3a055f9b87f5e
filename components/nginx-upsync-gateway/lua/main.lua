-- What nginx.conf calls, phase by phase.

local answerer = require "gateway.answerer"
local balancer = require "gateway.balancer"
local dump = require "gateway.dump"
local follower = require "gateway.follower"
local json = require "gateway.json"
local locations = require "gateway.locations"
local memory = require "gateway.memory"
local metrics = require "gateway.metrics"
local redis = require "gateway.redis"
local status = require "gateway.status"
local filter = require "gateway.tiers.filter"
local tiers = require "gateway.tiers.tiers"
local upstreams = require "gateway.upstreams"
local workers = require "gateway.workers"

local _M = { balance = balancer.balance, locations = locations, status = status, tiers = tiers }

-- How often the counts of the admin pages are brought up to date, and what has stopped is set going again, in seconds. nginx repeats this one
-- timer itself, so it outlives a time without a free connection.
local TICK = 0.5

local settings
local generation

local function read_settings()
  local path = ngx.config.prefix() .. "gateway.json"
  local file = assert(io.open(path, "r"))
  local text = file:read("*a")
  file:close()
  return assert(json.decode(text))
end

--- In the master, at the start and at each reload. Files are read here only: a worker that is started later
-- gets what the master has, not what lies in the folder by then.
function _M.init()
  settings = read_settings()
  memory.use_prefix(settings.prefix)
  balancer.use_settings(settings)
  dump.use_settings(settings)
  status.use_settings(settings)
  redis.use_settings(settings.redis)
  locations.load(settings.lua)
  generation = memory.next_generation()
  dump.load()
  tiers.init(settings.tiers)
end

--- Loads what the gateway needs of its image and what the user wrote, in an nginx that does nothing else, and raises an error where that
-- cannot be used.
function _M.check()
  local checked = read_settings()
  if checked.redis then
    redis.load_client()
  end
  for _, location in pairs(checked.tiers and checked.tiers.locations or {}) do
    if location.filter then
      filter.check(location.filter)
    end
  end
  locations.load(checked.lua, true)
end

local function tick(premature)
  if premature then
    upstreams.leave()
    metrics.leave()
    tiers.publish()
    return
  end
  upstreams.publish_counts()
  follower.watch()
  follower.check_age(upstreams.confirmed_at())
  dump.keep_current()
  metrics.flush()
  tiers.publish()
end

--- In each worker, before its first connection.
function _M.init_worker()
  upstreams.start(settings, generation)
  assert(ngx.timer.every(TICK, tick))
  assert(follower.start(settings))
  redis.start()
  tiers.init_worker()
end

--- The log phase of each request, before the access log is written.
-- @param owner  the service whose location it is, `lua:<name>` for one in Lua, nil where it is none's
function _M.finish(owner)
  local is_asked = balancer.finish()
  tiers.finish()
  -- Without tiers a request has no context, and one would be made for asking.
  local context = settings.tiers and ngx.ctx
  local tier = "none"
  if owner then
    tier = context and context.told or is_asked and "service" or answerer.tier()
  end
  if context and tier ~= context.logged then
    ngx.var.gateway_tier = tier
  end
  if settings.metrics then
    metrics.count(owner, tier, ngx.status)
  end
end

--- In each worker that ends by itself.
function _M.exit_worker()
  metrics.leave()
  tiers.publish()
  workers.remove(ngx.worker.pid())
end

return _M
