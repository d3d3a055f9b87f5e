-- The admin pages: what the workers, all of them, balance over.

local entries = require "gateway.entries"
local json = require "gateway.json"
local memory = require "gateway.memory"
local metrics = require "gateway.metrics"
local tiers = require "gateway.tiers.tiers"
local upstreams = require "gateway.upstreams"
local workers = require "gateway.workers"

local _M = {}

-- How long a worker may be without a word when others have one, in seconds: a query of a frozen server ends after 13, and with the next
-- servers after 3 each.
local BEHIND = 30

local settings

function _M.use_settings(gateway_settings)
  settings = gateway_settings
end

local function answer(status, value)
  ngx.status = status
  ngx.header["Content-Type"] = "application/json"
  ngx.header["Cache-Control"] = "no-store"
  ngx.say(json.encode(value))
end

local function age(since)
  return since and math.max(0, math.floor((ngx.now() - since) * 1000) / 1000) or json.null
end

-- The oldest worker's: it sends requests by that list.
local function list_age(found)
  return age(workers.confirmed_at(found, memory.dumped_at()))
end

local function find(peers, address)
  for _, peer in ipairs(peers) do
    if peer.address == address then
      return peer
    end
  end
end

local function state_of(peer)
  if peer.down then
    return "down"
  end
  return peer.failedUntil and peer.failedUntil >= ngx.now() and "failed" or "up"
end

-- One worker's view of a peer, added to what the others say of it.
local function add_peer(merged, peer)
  local state = state_of(peer)
  local known = find(merged, peer.address)
  if not known then
    peer.state, peer.failedUntil, peer.workers = state, nil, 1
    table.insert(merged, peer)
    return
  end
  known.fails = known.fails + peer.fails
  known.inFlight = known.inFlight + peer.inFlight
  known.workers = known.workers + 1
  -- One worker that leaves a peer out is worth showing.
  known.state = state == "failed" and state or known.state
end

local function add_draining(merged, address, in_flight)
  local known = find(merged, address)
  if known then
    known.inFlight = known.inFlight + in_flight
  else
    table.insert(merged, { address = address, inFlight = in_flight })
  end
end

-- A worker that leaves keeps its old list: of that only what is in flight counts.
local function add_leaving(service, state)
  for _, peer in ipairs(state.peers) do
    local known = find(service.peers, peer.address)
    if known then
      known.inFlight = known.inFlight + peer.inFlight
    elseif peer.inFlight > 0 then
      add_draining(service.draining, peer.address, peer.inFlight)
    end
  end
end

local function merge(name, found)
  local service = { source = json.null, kept = false, consulIndex = json.null, peers = {}, draining = {} }
  local leaving = {}
  for _, worker in ipairs(found) do
    local state = workers.service_state(worker.pid, name)
    if state then
      for _, peer in ipairs(state.draining) do
        add_draining(service.draining, peer.address, peer.inFlight)
      end
      if worker.exiting then
        table.insert(leaving, state)
      else
        service.source = state.source
        service.kept = service.kept or state.kept
        service.consulIndex = worker.index or state.index or service.consulIndex
        for _, peer in ipairs(state.peers) do
          add_peer(service.peers, peer)
        end
      end
    end
  end
  for _, state in ipairs(leaving) do
    add_leaving(service, state)
  end
  service.ageSeconds = list_age(found)
  return service
end

local function read_services(found)
  upstreams.publish_counts()
  local services = {}
  for name in pairs(settings.services) do
    services[name] = merge(name, found)
  end
  return services
end

--- GET /metrics
function _M.metrics()
  metrics.flush()
  local var = ngx.var
  local connections = { reading = var.connections_reading, waiting = var.connections_waiting, writing = var.connections_writing }
  local found = workers.alive()
  local age_seconds = list_age(found)
  ngx.header["Content-Type"] = "text/plain; version=0.0.4; charset=utf-8"
  ngx.print(metrics.render(read_services(found), age_seconds ~= json.null and age_seconds or nil, connections))
end

--- GET /__gateway/upstreams
function _M.upstreams()
  local found = workers.alive()
  local services = read_services(found)
  answer(200, { configuration = settings.configuration, workers = found, services = services })
end

-- The question's service and peer, or nothing when it was a bad one.
local function asked()
  local service, peer = ngx.var.arg_service, ngx.var.arg_peer
  if not service or service == "" then
    answer(400, { error = "service must be the name of one" })
    return nil
  end
  if not peer or not entries.peer(peer, {}) then
    answer(400, { error = "peer must be ip:port" })
    return nil
  end
  return service, peer
end

-- Counts, over the workers, who balances over the peer and what it has in flight.
local function count(service, address, found)
  local listed, in_flight, kept, takers = 0, 0, false, 0
  for _, worker in ipairs(found) do
    takers = takers + (worker.exiting and 0 or 1)
    local state = workers.service_state(worker.pid, service)
    if state then
      local peer = find(state.peers, address)
      in_flight = in_flight + (peer and peer.inFlight or 0)
      if peer and not worker.exiting then
        listed = listed + 1
        kept = kept or state.kept
      end
      peer = find(state.draining, address)
      in_flight = in_flight + (peer and peer.inFlight or 0)
    end
  end
  return { workers = takers, listed = listed, inFlight = in_flight, kept = kept, complete = workers.complete(found) }
end

--- GET /__gateway/drained?service=goods&peer=ip:port
-- A service that is no longer routed has nobody left who would send it anything, but for workers on their way out.
function _M.drained()
  local service, peer = asked()
  if service then
    local counts = count(service, peer, workers.alive())
    counts.drained = counts.complete and counts.listed == 0 and counts.inFlight == 0
    answer(counts.drained and 200 or 409, counts)
  end
end

--- GET /__gateway/serving?service=goods&peer=ip:port
function _M.serving()
  local service, peer = asked()
  if service and not settings.services[service] then
    return answer(404, { error = "service must be one of those that the gateway routes" })
  end
  if service then
    local counts = count(service, peer, workers.alive())
    counts.serving = counts.complete and counts.listed == counts.workers
    answer(counts.serving and 200 or 409, counts)
  end
end

--- GET /__gateway/tiers
function _M.tiers()
  answer(200, { locations = tiers.state() })
end

local function needs_consul()
  for _, service in pairs(settings.services) do
    if service.strongDependency then
      return true
    end
  end
  return false
end

--- GET /__gateway/health?configuration=name, where the name asks for that configuration alone
function _M.health()
  local found = workers.alive()
  local confirmed_at = memory.confirmed_at()
  local complete = workers.complete(found)
  local satisfied = confirmed_at ~= nil or not needs_consul()
  local following = workers.follow(found, BEHIND)
  local age_seconds = list_age(found)
  local wanted = ngx.var.arg_configuration
  local healthy = complete and following and satisfied and (not wanted or wanted == settings.configuration)
  answer(healthy and 200 or 503, {
    healthy = healthy,
    complete = complete,
    following = following,
    dependencySatisfied = satisfied,
    stale = age_seconds == json.null or age_seconds > settings.timeoutSeconds,
    ageSeconds = age_seconds,
    configuration = settings.configuration,
  })
end

return _M
