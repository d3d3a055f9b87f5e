-- Says hello, and how often it has: `GET /hello?name=Ada`, or the name as a form's argument.

local DAY = 24 * 60 * 60

return function(request, redis)
  local name = request.get.name or request.post.name or "world"
  if #name > 64 then
    return { status = 400, json = { error = "the name is too long" } }
  end

  local key = "gateway:hello:" .. name
  local replies, err = redis.pipeline({ { "INCR", key }, { "EXPIRE", key, DAY } })
  if not replies then
    return { status = 503, json = { error = err }, headers = { ["Retry-After"] = 1 } }
  end
  return { json = { hello = name, times = replies[1] } }
end
