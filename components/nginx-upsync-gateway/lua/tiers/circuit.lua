-- Opens when a service fails or is slow too often, and closes by probing. The zone is shared by the workers, so
-- that all of them see the same circuit; it and the clock come from outside.

local _M = {}
_M.__index = _M

-- Requests are counted by the second.
local SLOT = 1

--- @param settings  { windowSeconds, minimumRequests, errorRate, slowSeconds, slowRate, openSeconds, probes, probeSeconds }
function _M.new(name, settings, zone, now)
  local keys = {}
  for _, what in ipairs({ "open", "closed", "probe", "probes", "passed" }) do
    keys[what] = what .. " " .. name
  end
  return setmetatable({ name = name, settings = settings, zone = zone, now = now, keys = keys, uncounted = 0 }, _M)
end

local function key(self, what)
  return self.keys[what]
end

local function slot_key(self, slot, what)
  return "count " .. self.name .. " " .. slot .. " " .. what
end

--- Whether the service may have a request, and where that is a probe, its number. While the circuit is open only
-- probes get through, one at a time.
function _M:admits()
  -- nginx' clock stands still while it handles the events that came together: what was true of one of them is of all.
  local now = self.now()
  if self.closed_at == now then
    return true
  end
  local probe_at = self.zone:get(key(self, "open"))
  if not probe_at then
    self.closed_at = now
    return true
  end
  if now < probe_at or self.zone:get(key(self, "probe")) then
    return false
  end
  local number = self.zone:incr(key(self, "probes"), 1, 0)
  -- A probe whose worker dies must not be the last.
  if not self.zone:add(key(self, "probe"), number, self.settings.probeSeconds) then
    return false
  end
  return true, number
end

local function counts(self)
  local total, failed, slow = 0, 0, 0
  local last = math.floor(self.now() / SLOT)
  -- What was counted before the circuit closed last says nothing about the service that it closed for.
  local since = self.zone:get(key(self, "closed")) or 0
  for slot = math.max(last - self.settings.windowSeconds + 1, since), last do
    total = total + (self.zone:get(slot_key(self, slot, "total")) or 0)
    failed = failed + (self.zone:get(slot_key(self, slot, "failed")) or 0)
    slow = slow + (self.zone:get(slot_key(self, slot, "slow")) or 0)
  end
  return total, failed, slow
end

local function count(self, what, more)
  local slot = math.floor(self.counted_at / SLOT)
  self.zone:incr(slot_key(self, slot, what), more, 0, self.settings.windowSeconds + 2)
end

--- Counts what the worker has not told the others yet: what it noted in one turn of its events it tells in the next one in which a request
-- ends, or when this is called.
function _M:publish()
  if self.uncounted > 0 then
    count(self, "total", self.uncounted)
    self.uncounted = 0
  end
end

local function close(self)
  self.zone:set(key(self, "closed"), math.floor(self.now() / SLOT) + 1)
  self.zone:delete(key(self, "open"))
  self.zone:delete(key(self, "passed"))
end

-- Ends the probe of a number, unless it was given up and another may be on its way.
local function end_probe(self, number)
  local is_last = self.zone:get(key(self, "probe")) == number
  if is_last then
    self.zone:delete(key(self, "probe"))
  end
  return is_last
end

-- @return "closed" when this was the probe that closed the circuit
local function probed(self, number, bad)
  if not end_probe(self, number) then
    return nil
  end
  if bad then
    self.zone:set(key(self, "open"), self.now() + self.settings.openSeconds)
    self.zone:delete(key(self, "passed"))
  elseif self.zone:incr(key(self, "passed"), 1, 0) >= self.settings.probes then
    close(self)
    return "closed"
  end
end

--- Ends a probe that says nothing: it did not reach the service, or its client went away.
function _M:abandon_probe(number)
  end_probe(self, number)
end

--- Tells how a request of the service went.
-- @param probe  its number, nil where it is none
-- @return "opened" or "closed" when that changed the circuit
function _M:record(probe, failed, seconds)
  local slow = seconds >= self.settings.slowSeconds
  if probe then
    return probed(self, probe, failed or slow)
  end
  local now = self.now()
  if now ~= self.counted_at then
    -- One by one each would wait for the memory that the workers share.
    self:publish()
    self.counted_at = now
  end
  self.uncounted = self.uncounted + 1
  if not failed and not slow then
    return nil
  end
  self:publish()
  count(self, failed and "failed" or "slow", 1)
  local total, all_failed, all_slow = counts(self)
  if total < self.settings.minimumRequests then
    return nil
  end
  if all_failed / total >= self.settings.errorRate or all_slow / total >= self.settings.slowRate then
    local ok = self.zone:add(key(self, "open"), self.now() + self.settings.openSeconds)
    self.closed_at = nil
    return ok and "opened" or nil
  end
end

--- "closed", "open", or "probing" when the next request is a probe or one is on its way.
function _M:state()
  local probe_at = self.zone:get(key(self, "open"))
  return not probe_at and "closed" or self.now() < probe_at and "open" or "probing"
end

return _M
