-- What is counted for Prometheus, in its text format 0.0.4. A worker counts in tables of its own and adds them to shared memory twice a
-- second, since a shared counter for each request would be a lock for each. What a worker that is killed has not added is lost.

local sharing = require "gateway.tiers.sharing"

local _M = {}

local counts = ngx.shared.gateway_counts
-- Apart from the counts: one that comes and goes under many addresses must not push those out.
local failures = ngx.shared.gateway_failures

-- service → tier → status → requests since the last flush
local pending = {}
local leaving = false

-- The statuses that are told apart; others, which a service may make up, are told by their class.
local KNOWN = {}
for status in string.gmatch(
  "200 201 202 204 206 301 302 303 304 307 308 400 401 403 404 405 406 408 409 410 411 412 413 414 415 416 421 422 429 499 500 501 502 503 504 507",
  "%d+"
) do
  KNOWN[tonumber(status)] = status
end

local function label_of(status)
  local known = KNOWN[status]
  if known then
    return known
  end
  return status >= 100 and status < 600 and math.floor(status / 100) .. "xx" or "none"
end

local function table_in(parent, key)
  local found = parent[key]
  if not found then
    found = {}
    parent[key] = found
  end
  return found
end

--- Counts a request. `lua:<name>` stands for a location in Lua; a service without a name is none of those behind the gateway.
function _M.count(service, tier, status)
  local by_status = table_in(table_in(pending, service or "none"), tier)
  by_status[status] = (by_status[status] or 0) + 1
  if leaving then
    _M.flush()
  end
end

--- Adds what the worker has counted to shared memory.
function _M.flush()
  for service, by_tier in pairs(pending) do
    for tier, by_status in pairs(by_tier) do
      for status, count in pairs(by_status) do
        counts:incr(service .. " " .. tier .. " " .. label_of(status), count, 0)
        by_status[status] = nil
      end
    end
  end
end

--- From now on nobody calls flush any more.
function _M.leave()
  leaving = true
  _M.flush()
end

--- Counts a failed try of a peer.
function _M.failed(service, address)
  failures:incr(service .. " " .. address, 1, 0)
end

-- Values of labels are names, addresses and statuses: nothing in them has to be escaped.
local function sample(lines, name, labels, value)
  table.insert(lines, name .. labels .. " " .. value)
end

local function family(lines, name, kind, help)
  table.insert(lines, "# HELP " .. name .. " " .. help)
  table.insert(lines, "# TYPE " .. name .. " " .. kind)
end

local function sorted(keys)
  table.sort(keys)
  return keys
end

local function names_of(map)
  local names = {}
  for name in pairs(map) do
    table.insert(names, name)
  end
  return sorted(names)
end

local function whole(number)
  return string.format("%.0f", number)
end

local function requests(lines, services)
  family(lines, "gateway_requests_total", "counter", "Requests by the upstream that they were for, what answered them and the status.")
  for _, key in ipairs(sorted(counts:get_keys(0))) do
    local service, tier, status = string.match(key, "^(%S+) (%S+) (%S+)$")
    local count = counts:get(key)
    if count and (services[service] or service == "none" or string.find(service, "^lua:")) then
      local labels = string.format('{upstream="%s",tier="%s",status="%s"}', service, tier, status)
      sample(lines, "gateway_requests_total", labels, whole(count))
    end
  end
end

local PEER = '{upstream="%s",peer="%s"}'

local function each_peer(services, visit)
  for _, name in ipairs(names_of(services)) do
    for _, peer in ipairs(services[name].peers) do
      visit(name, peer, string.format(PEER, name, peer.address))
    end
  end
end

local function peers(lines, services)
  family(lines, "gateway_peers", "gauge", "Peers in the list of an upstream, by what the gateway holds of them.")
  for _, name in ipairs(names_of(services)) do
    local by_state = { up = 0, failed = 0, down = 0 }
    for _, peer in ipairs(services[name].peers) do
      by_state[peer.state] = by_state[peer.state] + 1
    end
    for _, state in ipairs(names_of(by_state)) do
      sample(lines, "gateway_peers", string.format('{upstream="%s",state="%s"}', name, state), by_state[state])
    end
  end
  family(lines, "gateway_peer_up", "gauge", "Whether a peer gets requests: neither down in the list nor left out for its failures.")
  each_peer(services, function(_, peer, labels)
    sample(lines, "gateway_peer_up", labels, peer.state == "up" and 1 or 0)
  end)
  family(lines, "gateway_peer_in_flight", "gauge", "Requests that a peer has now.")
  each_peer(services, function(_, peer, labels)
    sample(lines, "gateway_peer_in_flight", labels, peer.inFlight)
  end)
  family(lines, "gateway_peer_failures_total", "counter", "Tries that a peer has failed since the gateway's start, while it is in the list.")
  local listed = {}
  each_peer(services, function(name, peer, labels)
    local key = name .. " " .. peer.address
    listed[key] = true
    sample(lines, "gateway_peer_failures_total", labels, whole(failures:get(key) or 0))
  end)
  for _, key in ipairs(failures:get_keys(0)) do
    if not listed[key] then
      failures:delete(key)
    end
  end
end

local function buckets(lines)
  local shared = sharing.states()
  local names = names_of(shared)
  if #names > 0 then
    family(lines, "gateway_bucket_shared", "gauge", "Whether a bucket that gateways are to share is counted for all of them.")
  end
  for _, name in ipairs(names) do
    sample(lines, "gateway_bucket_shared", string.format('{upstream="%s"}', name), shared[name] and 1 or 0)
  end
end

local function gauge(lines, name, help, value)
  family(lines, name, "gauge", help)
  sample(lines, name, "", value)
end

--- The page's text.
-- @param services     what the admin pages say of each service
-- @param age_seconds  age of the oldest lists, nil when Consul has never confirmed them
-- @param connections  clients' connections by what they do
function _M.render(services, age_seconds, connections)
  local lines = {}
  requests(lines, services)
  peers(lines, services)
  buckets(lines)
  gauge(lines, "gateway_list_age_seconds", "Time since Consul last confirmed the lists of peers, of the worker for which that is longest ago.", age_seconds or "+Inf")
  family(lines, "gateway_connections", "gauge", "Connections of clients, by what they do.")
  for _, state in ipairs(names_of(connections)) do
    sample(lines, "gateway_connections", string.format('{state="%s"}', state), connections[state])
  end
  return table.concat(lines, "\n") .. "\n"
end

return _M
