-- What the workers of one master share: the list last seen for each service. It outlives reloads and
-- crashed workers, so that a new worker starts from it even while Consul is away.

local entries = require "gateway.entries"
local json = require "gateway.json"

local _M = {}

local zone = ngx.shared.gateway_memory
local prefix

-- Keyed by the prefix too: after a change of prefix the old lists are someone else's.
local function list_key(service)
  return "list:" .. prefix .. "/" .. service
end

local function put(key, value)
  -- Never the plain set: it would throw out another list to make room.
  local ok, err = zone:safe_set(key, value)
  if not ok then
    ngx.log(ngx.ERR, "gateway: cannot remember ", key, ": ", err)
  end
end

function _M.use_prefix(kv_prefix)
  prefix = kv_prefix
end

--- A number for this load of the configuration, higher than those before it.
function _M.next_generation()
  return zone:incr("generation", 1, 0)
end

--- @param origin  where the list came from: "consul" or "dump"
function _M.write(service, list, origin, index)
  local peers = {}
  for i, peer in ipairs(list) do
    peers[i] = entries.attributes(peer)
    peers[i].address = peer.address
  end
  put(list_key(service), json.encode({ origin = origin, index = index, peers = peers }))
end

--- The record as text, which changes when the list does; nil when there has been no list.
function _M.text(service)
  return zone:get(list_key(service))
end

--- { origin, index, list } out of a record's text, or nil when there is none.
function _M.parse(text)
  local record = text and json.decode(text)
  if not record then
    return nil
  end
  local list = {}
  for i, attributes in ipairs(record.peers) do
    list[i] = assert(entries.peer(attributes.address, attributes))
  end
  return { origin = record.origin, index = record.index, list = list }
end

--- Notes that Consul has just confirmed the lists.
function _M.confirm(time)
  put("confirmed:" .. prefix, time)
end

--- When Consul last confirmed the lists to any worker of this master, or nil.
function _M.confirmed_at()
  return zone:get("confirmed:" .. prefix)
end

--- Notes how old the dump is that the lists come from.
function _M.note_dump(confirmed_at)
  if type(confirmed_at) == "number" then
    put("dumped:" .. prefix, confirmed_at)
  end
end

--- When Consul had last confirmed the lists of the dump that this master started from, or nil.
function _M.dumped_at()
  return zone:get("dumped:" .. prefix)
end

return _M
