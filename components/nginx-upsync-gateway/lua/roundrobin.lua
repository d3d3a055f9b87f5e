-- Smooth weighted round robin with failure marks, the arithmetic of nginx's own upstream module.
-- Pure: the clock comes from outside. One group holds the peers of one service in one worker.

local _M = {}

local Group = {}
Group.__index = Group

--- @param now      function that gives the time in seconds
-- @param service  whatever the group belongs to; peers lead to their group, and so to it
function _M.new(now, service)
  return setmetatable({
    now = now,
    service = service,
    primaries = {},
    backups = {},
    by_address = {},
    -- Peers that were taken out with requests in flight, until those end.
    draining = {},
    -- How many peers a request can be given.
    usable = 0,
    -- Grows with every start and end of a request: whoever publishes the counts sees that they moved.
    activity = 0,
  }, Group)
end

local function forget_failures(peer)
  peer.current_weight = 0
  peer.effective_weight = peer.weight
  peer.fails = 0
  peer.accessed = 0
  peer.checked = 0
end

local function new_peer(group, entry)
  local peer = {
    group = group, address = entry.address, host = entry.host, port = entry.port, in_flight = 0, weight = entry.weight,
  }
  forget_failures(peer)
  return peer
end

local function set_attributes(peer, entry)
  if peer.weight ~= entry.weight then
    peer.weight = entry.weight
    peer.effective_weight = entry.weight
  end
  peer.max_fails = entry.max_fails
  peer.fail_timeout = entry.fail_timeout
  peer.down = entry.down
  peer.backup = entry.backup
end

-- A peer that stays keeps its running state. One that comes back while it drains keeps its requests,
-- but not its failures: it is a new instance at an old address.
local function peer_for(group, entry)
  local peer = group.by_address[entry.address]
  if peer then
    return peer
  end
  peer = group.draining[entry.address]
  if peer then
    group.draining[entry.address] = nil
    peer.removed = nil
    forget_failures(peer)
    return peer
  end
  return new_peer(group, entry)
end

--- Replaces the list.
function Group:update(entries)
  local primaries, backups, by_address, usable = {}, {}, {}, 0
  for _, entry in ipairs(entries) do
    local peer = peer_for(self, entry)
    set_attributes(peer, entry)
    by_address[entry.address] = peer
    table.insert(entry.backup and backups or primaries, peer)
    usable = usable + (entry.down and 0 or 1)
  end

  for address, peer in pairs(self.by_address) do
    if not by_address[address] then
      peer.removed = true
      if peer.in_flight > 0 then
        self.draining[address] = peer
      end
    end
  end
  self.primaries, self.backups, self.by_address, self.usable = primaries, backups, by_address, usable
end

--- When a peer's failure mark ends, or nil when it has none.
function _M.failed_until(peer)
  if peer.max_fails > 0 and peer.fails >= peer.max_fails then
    return peer.checked + peer.fail_timeout
  end
end

local function best_of(peers, tried, now, ignore_marks)
  local best, total = nil, 0
  for i = 1, #peers do
    local peer = peers[i]
    local marked = peer.max_fails > 0 and peer.fails >= peer.max_fails and now - peer.checked <= peer.fail_timeout
    if not peer.down and not (tried and tried[peer]) and (ignore_marks or not marked) then
      peer.current_weight = peer.current_weight + peer.effective_weight
      total = total + peer.effective_weight
      if peer.effective_weight < peer.weight then
        peer.effective_weight = peer.effective_weight + 1
      end
      if not best or peer.current_weight > best.current_weight then
        best = peer
      end
    end
  end
  if best then
    best.current_weight = best.current_weight - total
    -- The first request after the timeout probes the peer; its success clears the mark.
    if now - best.checked > best.fail_timeout then
      best.checked = now
    end
  end
  return best
end

--- The peer for the next request, or nil when every peer is down or there is none.
-- Backups serve only while no primary can. When all are marked failed the marks say nothing about
-- which peer is better, so they are ignored: a try may succeed, an error page cannot.
-- @param tried  set of the peers that this request has had, or nil
function Group:pick(tried)
  local now = self.now()
  return best_of(self.primaries, tried, now, false)
    or best_of(self.backups, tried, now, false)
    or best_of(self.primaries, tried, now, true)
    or best_of(self.backups, tried, now, true)
    or (tried and self:pick(nil))
end

function Group:acquire(peer)
  peer.in_flight = peer.in_flight + 1
  self.activity = self.activity + 1
end

function Group:release(peer)
  peer.in_flight = peer.in_flight - 1
  self.activity = self.activity + 1
  if peer.removed and peer.in_flight == 0 then
    self.draining[peer.address] = nil
  end
end

--- Counts a failed try.
-- @return true when this failure is the one that takes the peer out
function Group:failed(peer)
  local now = self.now()
  peer.fails = peer.fails + 1
  peer.accessed = now
  peer.checked = now
  self.activity = self.activity + 1
  if peer.max_fails == 0 then
    return false
  end
  peer.effective_weight = math.max(0, peer.effective_weight - math.floor(peer.weight / peer.max_fails))
  return peer.fails == peer.max_fails
end

--- Counts an answered request.
function Group:succeeded(peer)
  if peer.accessed < peer.checked then
    peer.fails = 0
  end
end

return _M
