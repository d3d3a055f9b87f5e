-- A timer that is set again and again and is never lost for good. nginx takes a timer and drops its call, with a line in its log, where no
-- connection is free when it is due: whoever waits for such a call alone would wait for ever.

local _M = {}
_M.__index = _M

-- How late a call may be before it is taken for lost, in seconds.
local LATE = 1

local function run(premature, self, turn)
  -- One that was taken for lost and comes after all, when another was set for it.
  if turn == self.turn then
    self.due = nil
    self.call(premature)
  end
end

--- @param call  function(premature)
function _M.new(call)
  return setmetatable({ call = call, turn = 0, due = nil }, _M)
end

--- Whether its call did not come when it was due.
function _M:is_lost()
  return self.due ~= nil and ngx.now() > self.due + LATE
end

--- Sets the timer, unless it is set and not lost.
-- @param delay  in seconds
-- @return true, or nil and the reason: then it is lost, and may be set again as one is whose call was dropped
function _M:set(delay)
  if self.due and not self:is_lost() then
    return true
  end
  self.turn = self.turn + 1
  self.due = ngx.now() + delay
  return ngx.timer.at(delay, run, self, self.turn)
end

return _M
