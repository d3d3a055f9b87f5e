#!lua name=bloom

-- Bloom filters for a Redis without the module: the replies, errors and layers of BF.RESERVE, BF.ADD, BF.MADD and BF.EXISTS.
--
-- A filter is a hash `<key>` that tells its capacity, its error rate and how full each layer is, and bits in strings `<key>:{<key>}:<layer>:<part>`.
-- Their names begin with the key, so that who may use `<key>*` may use the filter; and Redis hashes what is in braces, so all of them lie in
-- one slot. A part is 4 MiB at most: no single command has to make, copy or send more. An item has all of its bits in one part, so that one
-- BITFIELD asks for all of them; how many items a part gets differs from the mean by its square root, which is nothing among millions.
--
-- A layer for n items with the error rate p has m = -n ln p / (ln 2)^2 bits and k = -log2 p hashes: B. H. Bloom, "Space/Time Trade-offs in
-- Hash Coding with Allowable Errors", CACM 13 (1970); in this form in A. Broder and M. Mitzenmacher, "Network Applications of Bloom Filters"
-- (2004). The k positions come from two hashes (A. Kirsch and M. Mitzenmacher, "Less Hashing, Same Performance", 2006), with the cubic term of
-- P. Dillinger and P. Manolios (2004), without which two items can share all positions too often. A full filter gets another layer with twice the
-- capacity and half the error rate, and the first has half of what was asked for: 1/2 + 1/4 + ... stays below 1 (P. Almeida and others, "Scalable
-- Bloom Filters", 2007). RedisBloom does the same.

local PART_BITS = 4 * 1024 * 1024 * 8
local DEFAULT_RATE, DEFAULT_CAPACITY, EXPANSION = 0.01, 100, 2
local MOST_BITS = 2 ^ 37

-- The layers of a filter that were computed before, by "rate capacity expansion layer": they depend on nothing else.
local known, known_count = {}, 0

local function layer_of(filter, index)
  local id = filter.rate .. " " .. filter.capacity .. " " .. filter.expansion .. " " .. index
  local layer = known[id]
  if layer == nil then
    local rate = filter.expansion == 0 and filter.rate or filter.rate * 0.5 ^ (index + 1)
    local capacity = filter.capacity * filter.expansion ^ index
    if filter.expansion == 0 then capacity = filter.capacity end
    local bits = math.max(64, math.ceil(capacity * -math.log(rate) / math.log(2) ^ 2))
    local parts = math.ceil(bits / PART_BITS)
    layer = {
      capacity = capacity,
      bits = bits,
      parts = parts,
      part_bits = math.ceil(bits / parts),
      hashes = math.max(1, math.ceil(-math.log(rate) / math.log(2))),
    }
    if known_count > 1000 then known, known_count = {}, 0 end
    known[id], known_count = layer, known_count + 1
  end
  return layer
end

local function part_key(key, index, part)
  return string.format("%s:{%s}:%d:%d", key, key, index, part)
end

-- Three numbers of an item: two of 48 bits for the positions and one of 40 for the part; a double holds them to the last bit.
local function hashes_of(item)
  local digest = redis.sha1hex(item)
  return tonumber(string.sub(digest, 1, 12), 16), tonumber(string.sub(digest, 13, 24), 16), tonumber(string.sub(digest, 25, 34), 16)
end

-- Key of the part that has an item's bits in a layer, and the arguments of a BITFIELD for them.
local function bits_of(key, index, layer, a, b, c, operation, value)
  local size = layer.part_bits
  local x, y, arguments = a % size, b % size, {}
  for step = 1, layer.hashes do
    arguments[#arguments + 1] = operation
    arguments[#arguments + 1] = "u1"
    arguments[#arguments + 1] = string.format("%.0f", x)
    if value ~= nil then arguments[#arguments + 1] = value end
    x = (x + y) % size
    y = (y + step) % size
  end
  return part_key(key, index, c % layer.parts), arguments
end

local function all_set(bits)
  for _, bit in ipairs(bits) do
    if bit == 0 then return false end
  end
  return true
end

-- What a key says of its filter; nil where there is none, and an error where it is something else.
local function read(key)
  local fields = redis.pcall("HMGET", key, "rate", "capacity", "expansion", "layers", "size", "items")
  if fields.err then return nil, fields end
  if not fields[1] then
    if redis.call("EXISTS", key) == 1 then return nil, redis.error_reply("WRONGTYPE Operation against a key holding the wrong kind of value") end
    return nil
  end
  local filter = { rate = tonumber(fields[1]), capacity = tonumber(fields[2]), expansion = tonumber(fields[3]) }
  filter.layers, filter.size, filter.items = tonumber(fields[4]), tonumber(fields[5]), tonumber(fields[6])
  return filter
end

-- Makes the bits of a layer at once: what a filter takes is taken when it is reserved, not while it is used.
local function make_layer(key, filter, index)
  local layer = layer_of(filter, index)
  for part = 0, layer.parts - 1 do
    redis.call("SETBIT", part_key(key, index, part), string.format("%.0f", layer.part_bits - 1), 0)
  end
end

local function reserve(key, rate, capacity, expansion)
  local filter = { rate = rate, capacity = capacity, expansion = expansion, layers = 1, size = 0, items = 0 }
  if layer_of(filter, 0).bits > MOST_BITS then return nil, redis.error_reply("ERR (capacity is too large for the error rate)") end
  redis.call("HSET", key, "rate", string.format("%.17g", rate), "capacity", string.format("%.0f", capacity), "expansion", expansion,
    "layers", 1, "size", 0, "items", 0)
  make_layer(key, filter, 0)
  return filter
end

local function contains(key, filter, a, b, c)
  -- The newest layer has the most items.
  for index = filter.layers - 1, 0, -1 do
    local part, arguments = bits_of(key, index, layer_of(filter, index), a, b, c, "GET")
    if all_set(redis.call("BITFIELD_RO", part, unpack(arguments))) then return true end
  end
  return false
end

-- 1 where the item is new, 0 where it seems to be there, or an error.
local function add(key, filter, item)
  local a, b, c = hashes_of(item)
  if contains(key, filter, a, b, c) then return 0 end
  if filter.size >= layer_of(filter, filter.layers - 1).capacity then
    if filter.expansion == 0 then return redis.error_reply("ERR non scaling filter is full") end
    if layer_of(filter, filter.layers).bits > MOST_BITS then return redis.error_reply("ERR filter is full and cannot grow further") end
    make_layer(key, filter, filter.layers)
    filter.layers, filter.size = filter.layers + 1, 0
  end
  local index = filter.layers - 1
  local part, arguments = bits_of(key, index, layer_of(filter, index), a, b, c, "SET", "1")
  redis.call("BITFIELD", part, unpack(arguments))
  filter.size, filter.items = filter.size + 1, filter.items + 1
  return 1
end

local function save(key, filter)
  redis.call("HSET", key, "layers", filter.layers, "size", string.format("%.0f", filter.size), "items", string.format("%.0f", filter.items))
end

local function wrong_arguments(name)
  return redis.error_reply("ERR wrong number of arguments for '" .. name .. "' command")
end

-- FCALL bf_reserve 1 key error_rate capacity [EXPANSION expansion] [NONSCALING]
local function bf_reserve(keys, args)
  if #keys ~= 1 or #args < 2 then return wrong_arguments("bf_reserve") end
  local rate, capacity, expansion = tonumber(args[1]), tonumber(args[2]), EXPANSION
  if rate == nil then return redis.error_reply("ERR bad error rate") end
  if not (rate > 0 and rate < 1) then return redis.error_reply("ERR (0 < error rate range < 1)") end
  if capacity == nil or capacity % 1 ~= 0 then return redis.error_reply("ERR bad capacity") end
  if capacity < 1 then return redis.error_reply("ERR (capacity should be larger than 0)") end
  local at, given, fixed = 3, false, false
  while at <= #args do
    local option = string.upper(args[at])
    if option == "NONSCALING" then
      fixed, at = true, at + 1
    elseif option == "EXPANSION" then
      given, expansion, at = true, tonumber(args[at + 1] or ""), at + 2
      if expansion == nil or expansion % 1 ~= 0 or expansion < 0 then return redis.error_reply("ERR bad expansion") end
    else
      return wrong_arguments("bf_reserve")
    end
  end
  if fixed and given then return redis.error_reply("Nonscaling filters cannot expand") end
  if redis.call("EXISTS", keys[1]) == 1 then return redis.error_reply("ERR item exists") end
  local _, fault = reserve(keys[1], rate, capacity, fixed and 0 or expansion)
  return fault or redis.status_reply("OK")
end

local function add_all(name, keys, args)
  if #keys ~= 1 or #args < 1 then return nil, wrong_arguments(name) end
  local filter, fault = read(keys[1])
  if fault then return nil, fault end
  if filter == nil then filter, fault = reserve(keys[1], DEFAULT_RATE, DEFAULT_CAPACITY, EXPANSION) end
  if fault then return nil, fault end
  local replies = {}
  for index, item in ipairs(args) do
    replies[index] = add(keys[1], filter, item)
    -- As with the module, what comes behind an error is left out.
    if type(replies[index]) == "table" then break end
  end
  save(keys[1], filter)
  return replies
end

-- FCALL bf_add 1 key item
local function bf_add(keys, args)
  if #args ~= 1 then return wrong_arguments("bf_add") end
  local replies, fault = add_all("bf_add", keys, args)
  return fault or replies[1]
end

-- FCALL bf_madd 1 key item [item ...]
local function bf_madd(keys, args)
  local replies, fault = add_all("bf_madd", keys, args)
  return fault or replies
end

-- FCALL_RO bf_exists 1 key item
local function bf_exists(keys, args)
  if #keys ~= 1 or #args ~= 1 then return wrong_arguments("bf_exists") end
  local filter, fault = read(keys[1])
  if fault then return fault end
  if filter == nil then return 0 end
  return contains(keys[1], filter, hashes_of(args[1])) and 1 or 0
end

-- FCALL_RO bf_info 1 key: names and values in turn, and the error rate, which BF.INFO does not tell.
local function bf_info(keys)
  if #keys ~= 1 then return wrong_arguments("bf_info") end
  local filter, fault = read(keys[1])
  if fault then return fault end
  if filter == nil then return redis.error_reply("ERR not found") end
  local capacity, size = 0, 0
  for index = 0, filter.layers - 1 do
    local layer = layer_of(filter, index)
    capacity, size = capacity + layer.capacity, size + math.ceil(layer.part_bits / 8) * layer.parts
  end
  return { "Capacity", capacity, "Size", size, "Number of filters", filter.layers, "Number of items inserted", filter.items,
    "Expansion rate", filter.expansion, "Error rate", string.format("%.17g", filter.rate), "Initial capacity", filter.capacity }
end

redis.register_function("bf_reserve", bf_reserve)
redis.register_function("bf_add", bf_add)
redis.register_function("bf_madd", bf_madd)
redis.register_function({ function_name = "bf_exists", callback = bf_exists, flags = { "no-writes" } })
redis.register_function({ function_name = "bf_info", callback = bf_info, flags = { "no-writes" } })
