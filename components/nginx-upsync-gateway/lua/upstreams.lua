-- The lists that this worker balances over, one group of peers per service, in plain tables that no other
-- worker touches. Every change is told to the others at once.

local entries = require "gateway.entries"
local memory = require "gateway.memory"
local roundrobin = require "gateway.roundrobin"
local timers = require "gateway.timer"
local workers = require "gateway.workers"

local _M = {}

-- While peers drain their counts are published this often, in seconds.
local DRAIN_INTERVAL = 0.04

-- By name: { name, settings, group, source, listed, kept, signature, index, published_activity }
local services = {}
local self_state
local drain_timer

local function draining_of(group)
  local list = {}
  for address, peer in pairs(group.draining) do
    table.insert(list, { address = address, inFlight = peer.in_flight })
  end
  return list
end

local function published_peer(peer)
  return {
    address = peer.address,
    weight = peer.weight,
    maxFails = peer.max_fails,
    failTimeout = peer.fail_timeout,
    down = peer.down,
    backup = peer.backup,
    fails = peer.fails,
    failedUntil = roundrobin.failed_until(peer),
    inFlight = peer.in_flight,
  }
end

-- The list and the counts of what drains go out in one record: whoever reads that a peer is gone from the
-- list reads its requests in the same moment.
local function publish(service)
  local peers = {}
  for _, list in ipairs({ service.group.primaries, service.group.backups }) do
    for _, peer in ipairs(list) do
      table.insert(peers, published_peer(peer))
    end
  end
  service.published_activity = service.group.activity
  workers.publish_service(self_state.pid, service.name, {
    source = service.source,
    kept = service.kept,
    index = service.index,
    peers = peers,
    draining = draining_of(service.group),
  })
end

local function publish_self()
  workers.publish(self_state)
end

local function watch_draining(service)
  if next(service.group.draining) then
    drain_timer:set(DRAIN_INTERVAL)
  end
end

--- Tells the others which counts have moved since the last time, and goes on to while peers drain. The tick calls this too, so that a timer
-- that was lost is set again.
function _M.publish_counts()
  for _, service in pairs(services) do
    if service.group.activity ~= service.published_activity then
      publish(service)
    end
    watch_draining(service)
  end
end

drain_timer = timers.new(function(premature)
  if not premature then
    _M.publish_counts()
  end
end)

local function take(service, list, source, index)
  service.group:update(list)
  service.signature = entries.signature(list)
  service.source = source
  service.index = index
  service.listed = true
  service.kept = false
end

-- Starts from what the other workers, the workers before this one or the dump last saw.
local function take_from_memory(service)
  local text = memory.text(service.name)
  local record = memory.parse(text)
  service.memory_text = text
  if record then
    take(service, record.list, record.origin == "consul" and "memory" or record.origin, record.index)
  end
end

--- Makes this worker's lists, before it takes its first connection.
function _M.start(settings, generation)
  self_state = {
    pid = ngx.worker.pid(),
    generation = generation,
    count = ngx.worker.count(),
    started = false,
    exiting = false,
    since = ngx.now(),
  }
  -- Told before the lists are read: nobody may conclude from the other workers alone that a peer is gone
  -- while this one may be reading a list that still has it.
  publish_self()

  local all_listed = true
  for name, service_settings in pairs(settings.services) do
    local service = { name = name, settings = service_settings, source = "fallback", kept = false, listed = false }
    service.group = roundrobin.new(ngx.now, service)
    service.group:update({ assert(entries.peer(service_settings.fallback, {})) })
    take_from_memory(service)
    all_listed = all_listed and service.listed
    services[name] = service
    publish(service)
  end
  self_state.confirmedAt = memory.confirmed_at()
  -- With a list of every service from a worker before it there is no first pull to wait for.
  self_state.started = all_listed and self_state.confirmedAt ~= nil
  publish_self()
end

function _M.get(name)
  return services[name]
end

--- The names, as a set.
function _M.routed()
  return services
end

--- When Consul last confirmed this worker's lists, to it or to what it started from; nil where it has none from Consul.
function _M.confirmed_at()
  return self_state.confirmedAt or memory.dumped_at()
end

--- Whether this worker, or one before it under the same master, has heard from Consul.
function _M.is_confirmed()
  return self_state.confirmedAt ~= nil
end

--- Says that the worker is through its first pull, whatever came of it.
function _M.mark_started()
  if not self_state.started then
    self_state.started = true
    publish_self()
  end
end

--- Notes that a query of Consul has ended, for its own reasons or not: the worker goes on asking.
function _M.note_asked()
  self_state.askedAt = ngx.now()
  publish_self()
end

local function keep(service)
  if not service.kept then
    service.kept = true
    -- The workers all see it; one of them says it.
    if ngx.worker.id() == 0 then
      ngx.log(ngx.WARN, "gateway: Consul has no usable peer for ", service.name, " any more; keeping the last list")
    end
    publish(service)
  end
end

--- Takes over what Consul has just answered.
-- @return whether any list changed
function _M.apply(lists, index)
  local changed = false
  for name, service in pairs(services) do
    local list = lists[name]
    if #list == 0 and not (service.settings.allowEmpty and service.listed) then
      if service.listed then
        keep(service)
      end
    elseif service.source ~= "consul" or service.kept or entries.signature(list) ~= service.signature then
      take(service, list, "consul", index)
      -- Remembered before it is published: a worker that starts after a peer was said to be gone must not
      -- find it in memory.
      memory.write(name, list, "consul", index)
      publish(service)
      watch_draining(service)
      changed = true
    end
  end
  return changed
end

--- Notes that Consul has confirmed the lists as they are.
function _M.confirm(index)
  self_state.index = index
  self_state.confirmedAt = ngx.now()
  self_state.askedAt = self_state.confirmedAt
  self_state.started = true
  memory.confirm(self_state.confirmedAt)
  publish_self()
end

--- A worker on its way out follows Consul no more; it takes its lists from those who do.
function _M.refresh_from_memory(service)
  if memory.text(service.name) ~= service.memory_text then
    take_from_memory(service)
    return true
  end
  return false
end

--- Tells the others about a request that has started or ended, when they must know at once.
function _M.moved(service, peer)
  if self_state.exiting or (peer.removed and peer.in_flight == 0) then
    publish(service)
  end
end

--- Says that this worker takes no new connections. From here on each request is told at once.
function _M.leave()
  if not self_state.exiting then
    self_state.exiting = true
    publish_self()
    for _, service in pairs(services) do
      publish(service)
    end
  end
end

function _M.is_leaving()
  return self_state.exiting
end

return _M
