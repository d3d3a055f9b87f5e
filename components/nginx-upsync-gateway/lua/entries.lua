-- Turns what Consul holds under the prefix into one list of peers per service.
-- Pure: the decoders come from outside, so that the module runs under any Lua.

local _M = {}

-- What nginx-upsync takes for an absent field, and for a key without a value.
local DEFAULTS = { weight = 1, max_fails = 2, fail_timeout = 10, down = 0, backup = 0 }

local LIMITS = {
  weight = { 1, 100 },
  max_fails = { 0, 2147483647 },
  fail_timeout = { 0, 2147483647 },
}

local FLAGS = { [0] = false, [1] = true, [false] = false, [true] = true }

local function is_whole(value, low, high)
  return type(value) == "number" and value >= low and value <= high and value % 1 == 0
end

-- A number written the one way that every reader takes for the same number: no sign, no leading zero.
local function plain_number(text, low, high)
  local number = tonumber(text)
  if is_whole(number, low, high) and text == string.format("%d", number) then
    return number
  end
end

local function split_address(address)
  local host, port = string.match(address, "^(%d+%.%d+%.%d+%.%d+):(%d+)$")
  if not host then
    return nil
  end
  for octet in string.gmatch(host, "%d+") do
    if not plain_number(octet, 0, 255) then
      return nil
    end
  end
  return host, plain_number(port, 1, 65535)
end

--- One peer out of its address and attributes, or nil and what is wrong with them.
function _M.peer(address, attributes)
  local host, port = split_address(address)
  if not port then
    return nil, "the key must end in ip:port"
  end
  if type(attributes) ~= "table" or attributes[1] ~= nil then
    return nil, "the value must be a JSON object"
  end

  local peer = { address = address, host = host, port = port }
  for field, default in pairs(DEFAULTS) do
    local value = attributes[field]
    if value == nil then
      value = default
    end
    local limits = LIMITS[field]
    if limits then
      if not is_whole(value, limits[1], limits[2]) then
        return nil, field .. " must be a whole number from " .. limits[1] .. " to " .. limits[2]
      end
      peer[field] = value
    else
      if FLAGS[value] == nil then
        return nil, field .. " must be 0 or 1"
      end
      peer[field] = FLAGS[value]
    end
  end
  return peer
end

local function decode_value(value, codec)
  -- Consul has null for a key that was put without a value.
  if type(value) ~= "string" or value == "" then
    return {}
  end
  local text = codec.base64(value)
  if text == "" then
    return {}
  end
  -- Decoded, an empty array could not be told from an empty object.
  return text and string.find(text, "^%s*{") and codec.json(text)
end

--- Decodes the answer to a recursive read.
-- @param pairs_read array of { Key, Value, ModifyIndex } as Consul gives it
-- @param prefix     without slashes at its ends
-- @param routed     set of service names; keys of others are none of our business
-- @param codec      { json = text → value or nil, base64 = text → text or nil }
-- @return lists of peers by service (empty ones too), and the faults: { key, modify_index, reason }
function _M.decode(pairs_read, prefix, routed, codec)
  local lists, faults = {}, {}
  for service in pairs(routed) do
    lists[service] = {}
  end

  local start = #prefix + 2
  for _, pair in ipairs(pairs_read) do
    local service, address = string.match(string.sub(pair.Key, start), "^([^/]+)/(.+)$")
    if service and lists[service] then
      local peer, reason = _M.peer(address, decode_value(pair.Value, codec))
      if peer then
        table.insert(lists[service], peer)
      else
        table.insert(faults, { key = pair.Key, modify_index = pair.ModifyIndex, reason = reason })
      end
    end
  end
  return lists, faults
end

--- The attributes of a peer as they stand in Consul and in the dump.
function _M.attributes(peer)
  return {
    weight = peer.weight,
    max_fails = peer.max_fails,
    fail_timeout = peer.fail_timeout,
    down = peer.down and 1 or 0,
    backup = peer.backup and 1 or 0,
  }
end

--- Equal for two lists exactly when they hold the same peers with the same attributes in the same order.
function _M.signature(list)
  local parts = {}
  for i, peer in ipairs(list) do
    parts[i] = table.concat({
      peer.address, peer.weight, peer.max_fails, peer.fail_timeout, tostring(peer.down), tostring(peer.backup),
    }, " ")
  end
  return table.concat(parts, "\n")
end

return _M
