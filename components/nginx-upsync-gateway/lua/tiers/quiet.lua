-- Says in the log what goes on going wrong, once a minute for all workers.

local _M = {}

local QUIET = 60

--- @param what  names the trouble
function _M.warn(what, ...)
  if ngx.shared.gateway_tiers:add("said " .. what, true, QUIET) then
    ngx.log(ngx.WARN, "gateway: ", ...)
  end
end

return _M
