-- The leaky bucket of a location, and the tier that it gives each request. Pure: it also runs inside of Redis,
-- for gateways that share a bucket.
--
-- Excess and delay are those of lua-resty-limit-traffic's resty.limit.req: the excess counts the requests that are
-- in the bucket, in thousandths; it leaks at the rate, a request adds one, the first of an empty bucket adds none,
-- and one that would not fit changes nothing. Every request that fits is in it, whichever tier answers: that is
-- what takes a burst on to the next tier.
--
-- Under a load that lasts such a bucket stays full, and the service would get nothing. So the times at which the
-- service gets its requests are counted on their own, one every 1/rate; when the next of them is no further away
-- than that, a request is for the service, whatever the bucket says.

local _M = {}

local ONE = 1000

-- How many thousandths there are at a time in ms, the request itself included. A rate of one request a second is a
-- thousandth a ms. A clock that is behind leaks nothing.
local function excess_at(state, now, rate)
  if not state then
    return 0
  end
  return math.max(state.excess - rate * math.max(now - state.last, 0) + ONE, 0)
end

local function tier_of(excess, settings)
  local delay = excess / settings.rate / 1000
  if excess > settings.capacity * ONE or delay > settings.static then
    return "rejected", delay
  end
  return delay <= settings.service and "service" or delay <= settings.cache and "cache" or "static", delay
end

--- Counts a request in.
-- @param state     { excess, last, free } as it was left, or nil; `free` is when the service may have its next one
-- @param settings  { rate, capacity, service, cache, static }: requests a second, requests, and delays in seconds
-- @return the tier; the state to keep; for how long the request waits and the bucket's delay, in seconds
function _M.take(state, now, settings)
  local excess = excess_at(state, now, settings.rate)
  local fits = excess <= settings.capacity * ONE
  local tier, delay = tier_of(excess, settings)
  local after = {
    excess = fits and excess or state.excess,
    last = fits and math.max(now, state and state.last or now) or state.last,
    free = state and state.free or now,
  }
  local wait, pause = 0, ONE / settings.rate
  if tier == "service" or after.free - now <= math.min(pause, settings.service * 1000) then
    tier = "service"
    local due = math.max(after.free, now)
    after.free = due + pause
    wait = (due - now) / 1000
  end
  return tier, after, wait, delay
end

--- Takes a request out again that the service did not get after all. Its time is given back if nobody has got a
-- later one.
-- @param due  when the service would have got it
function _M.give_back(state, due, settings)
  local pause = ONE / settings.rate
  -- Times are kept to a thousandth of a ms.
  local is_last = math.abs(state.free - due - pause) < 0.01
  return { excess = math.max(state.excess - ONE, 0), last = state.last, free = is_last and due or state.free }
end

return _M
