-- What may go wrong in a location, by the last part of the path.

local faults = {}

function faults.index()
  local nothing = nil
  return nothing.field
end

function faults.overflow()
  local function deeper()
    return 1 + deeper()
  end
  return deeper()
end

function faults.raised()
  error({ code = 1 })
end

function faults.answer()
  return function() end
end

function faults.status()
  return { status = "many" }
end

function faults.echo(request)
  return { json = { method = request.method, get = request.get, post = request.post, lists = request.lists, json = request.json } }
end

return function(request)
  return faults[string.match(request.path, "[^/]+$")](request)
end
