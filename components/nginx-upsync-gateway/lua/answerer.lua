-- Who answers a request, in one word for the header, the access log and the counts.

local _M = {}

-- A limit says so with a status of its own.
local REFUSALS = { [429] = true, [503] = true }

--- `limit` for what a limit refuses, `service` where an instance was asked, what a location says for itself of its own answers, and `none`
-- for what nginx answers before that: a body that is too large, a client that went away.
function _M.tier()
  local var = ngx.var
  if REFUSALS[ngx.status] and (var.limit_req_status == "REJECTED" or var.limit_conn_status == "REJECTED") then
    return "limit"
  end
  local asked = var.upstream_addr
  if asked and asked ~= "" then
    return "service"
  end
  local said = ngx.ctx.tier
  return said ~= "service" and said or "none"
end

return _M
