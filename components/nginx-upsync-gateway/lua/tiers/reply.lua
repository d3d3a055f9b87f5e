-- What the gateway answers by itself, in place of the service.

local _M = {}

local function answer_with(context, tier, status)
  context.tier = tier
  ngx.var.gateway_tier, context.logged = tier, tier
  ngx.status = status
end

--- Answers with what was kept of the service. @param found  { headers, body, stored }
function _M.serve(context, tier, found)
  answer_with(context, tier, 200)
  for name, value in pairs(found.headers) do
    ngx.header[name] = value
  end
  -- Nobody on the way is to take it for fresh, as one without a word may by its age.
  ngx.header["Cache-Control"] = "max-age=0, must-revalidate"
  ngx.header["Age"] = math.max(math.floor(ngx.now() - found.stored), 0)
  ngx.header["Content-Length"] = #found.body
  ngx.print(found.body)
  return ngx.exit(200)
end

--- Answers with nothing, or what stands for it. @param empty  { status, type, body }
function _M.serve_empty(context, empty)
  answer_with(context, "empty", empty.status)
  ngx.header["Cache-Control"] = "no-store"
  if empty.body ~= "" then
    ngx.header["Content-Type"] = empty.type
    ngx.header["Content-Length"] = #empty.body
    ngx.print(empty.body)
  end
  return ngx.exit(empty.status == 204 and 204 or 200)
end

--- Refuses. @param seconds  after which it may be tried again, nil where that would not help
function _M.refuse(context, tier, status, reason, seconds)
  answer_with(context, tier, status)
  ngx.header["Content-Type"] = "application/json"
  ngx.header["Cache-Control"] = "no-store"
  if seconds then
    ngx.header["Retry-After"] = math.max(math.ceil(seconds), 1)
  end
  ngx.print('{"error":"' .. reason .. '"}')
  return ngx.exit(200)
end

return _M
