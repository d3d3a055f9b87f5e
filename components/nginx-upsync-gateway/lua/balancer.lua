-- Chooses the peer of each try and keeps count of the requests in flight.

local base = require "resty.core.base"
local ffi = require "ffi"
local metrics = require "gateway.metrics"
local ngx_balancer = require "ngx.balancer"
local upstreams = require "gateway.upstreams"

local _M = {}

-- What each request holds: the peer of the current try, and after a retry the set of those before. Not in
-- ngx.ctx, which an internal redirect (error_page) empties: the counts would never come down again.
local peer_of, tried_of = {}, {}
local settings

-- The request's address: the same from its first try to its log phase, and cheaper than $request_id.
local function request_key()
  return tonumber(ffi.cast("uintptr_t", base.get_request()))
end

function _M.use_settings(gateway_settings)
  settings = gateway_settings
end

-- Takes a peer for a try. A worker that leaves looks at memory for changes, and again after it has told the
-- others: by then they may have dropped the peer and said so.
local function acquire(service, tried)
  local group = service.group
  if not upstreams.is_leaving() then
    local peer = group:pick(tried)
    if peer then
      group:acquire(peer)
    end
    return peer
  end

  upstreams.refresh_from_memory(service)
  while true do
    local peer = group:pick(tried)
    if not peer then
      return nil
    end
    group:acquire(peer)
    upstreams.moved(service, peer)
    if not upstreams.refresh_from_memory(service) then
      return peer
    end
    group:release(peer)
  end
end

local function end_try(peer)
  peer.group:release(peer)
  upstreams.moved(peer.group.service, peer)
end

local function count_failure(peer)
  if settings.metrics then
    metrics.failed(peer.group.service.name, peer.address)
  end
  if peer.group:failed(peer) then
    ngx.log(ngx.WARN, "gateway: ", peer.address, " of ", peer.group.service.name, " failed ", peer.max_fails,
      " times; left out for ", peer.fail_timeout, " s")
  end
end

-- Ends the try before this one. Gives the set of the peers that the request has had; nothing when that try was
-- of another request, at the same address, whose log phase did not run.
local function begin_retry(key, peer)
  local failure = ngx_balancer.get_last_failure()
  if failure == "failed" then
    count_failure(peer)
  end
  end_try(peer)
  peer_of[key] = nil
  if not failure then
    tried_of[key] = nil
    return nil
  end

  local tried = tried_of[key]
  if not tried then
    tried = {}
    tried_of[key] = tried
  end
  tried[peer] = true
  return tried
end

local function use(address, port)
  local ok, err = ngx_balancer.set_current_peer(address, port)
  if not ok then
    ngx.log(ngx.ERR, "gateway: cannot use ", address, ": ", err)
    ngx.exit(ngx.ERROR)
  end
end

-- The list must have been confirmed by Consul where the service depends on it.
local function may_serve(service)
  return not service.settings.strongDependency or upstreams.is_confirmed()
end

--- The balancer phase of a service's upstream, once per try.
function _M.balance(name)
  local key = request_key()
  local service = upstreams.get(name)
  local previous = peer_of[key]
  local tried = previous and begin_retry(key, previous)

  local peer = may_serve(service) and acquire(service, tried)
  if not peer then
    return use(settings.unavailable)
  end
  peer_of[key] = peer
  if not tried then
    local more = math.min(service.settings.maxTries, service.group.usable) - 1
    if more > 0 then
      ngx_balancer.set_more_tries(more)
    end
  end
  use(peer.host, peer.port)
end

-- Whether the last try ended without an answer: nginx then made the status itself, and there is no time at
-- which a header came.
local function went_unanswered()
  local times = ngx.var.upstream_header_time
  return times ~= nil and string.sub(times, -1) == "-"
end

--- The log phase: the end of the request, whatever became of it.
-- @return whether a peer was asked
function _M.finish()
  local key = request_key()
  tried_of[key] = nil
  local peer = peer_of[key]
  if not peer then
    return false
  end
  peer_of[key] = nil
  local status = ngx.status
  if (status == 502 or status == 504) and went_unanswered() then
    count_failure(peer)
  elseif status ~= 499 then
    -- A client that went away says nothing about the peer.
    peer.group:succeeded(peer)
  end
  end_try(peer)
  return true
end

return _M
