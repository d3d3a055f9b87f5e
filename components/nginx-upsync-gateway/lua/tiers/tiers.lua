-- Which tier answers a request: the service, Redis, a file, or nobody. Phase by phase, as nginx.conf calls it.

local answerer = require "gateway.answerer"
local cache = require "gateway.tiers.cache"
local circuits = require "gateway.tiers.circuit"
local files = require "gateway.tiers.files"
local fill = require "gateway.tiers.fill"
local filter = require "gateway.tiers.filter"
local meter = require "gateway.tiers.meter"
local reply = require "gateway.tiers.reply"
local sharing = require "gateway.tiers.sharing"
local switches = require "gateway.tiers.switches"
local unkeyed = require "gateway.tiers.unkeyed"
local withdrawals = require "gateway.tiers.withdrawals"

local _M = {}

-- By location: its settings.
local locations
local circuit_of = {}
local speaks_http2
-- What the answers that this worker is collecting may come to, in bytes: most requests' bodies pass while it is none. A client
-- that takes its answer slowly has it collected for as long.
local collecting = 0
local MOST_COLLECTED = 8 * 1024 * 1024

-- What a lower tier may answer: a question that changes nothing and does not say who asks.
local function is_readable(location, headers)
  local method = ngx.req.get_method()
  if method ~= "GET" and method ~= "HEAD" then
    return false
  end
  local personal = location.personal
  for i = 1, #personal do
    -- Past what looks a name up in other ways of writing it.
    if rawget(headers, personal[i]) then
      return false
    end
  end
  return true
end

local function pause(seconds)
  if seconds >= meter.SHORTEST_PAUSE then
    ngx.sleep(seconds)
  end
end

local function wait_for_turn(key, bucket)
  local seconds = meter.release(key, bucket)
  while seconds > 0 do
    ngx.sleep(math.max(seconds, meter.SHORTEST_PAUSE))
    seconds = meter.release(key, bucket, true)
  end
end

-- Answers from what was kept: from Redis or only from the files, and with nothing where there is neither.
local function serve_kept(name, context, from)
  local location = locations[name]
  if not context.is_readable then
    return reply.refuse(context, "rejected", 503, "the service takes no requests now", location.circuit.openSeconds)
  end
  local uri = context.uri
  local found = from == "cache" and cache.get(name, uri)
  if found and not withdrawals.is_left(found) then
    return reply.serve(context, "cache", found)
  end
  found = from ~= "empty" and files.get(name, uri)
  if found and ngx.now() - found.stored <= location.fill.staticSeconds then
    return reply.serve(context, "static", found)
  end
  return reply.serve_empty(context, location.empty)
end

local function to_service(context, probe)
  context.tier = "service"
  context.probe = probe
  context.is_sent = true
  -- As nginx has set the variable already.
  context.logged = "service"
  if context.is_readable then
    for header in pairs(context.headers) do
      if unkeyed.has(header) then
        ngx.req.clear_header(header)
      end
    end
  end
end

-- Whether the filter knows that there is nothing to ask the service for.
local function is_absent(location, context)
  return location.filter ~= nil and context.is_readable and filter.is_absent(location.filter, ngx.var.uri)
end

local function metered(name, context)
  local location = locations[name]
  local key = location.key == "client" and name .. " " .. ngx.var.remote_addr or name
  local place = meter.take(key, location.bucket)
  if place.tier == "rejected" then
    return reply.refuse(context, "rejected", 503, "too many requests", place.delay - location.bucket.static)
  elseif place.tier ~= "service" and not context.is_readable then
    return reply.refuse(context, "rejected", 503, "too many requests", place.delay - location.bucket.service)
  elseif place.tier ~= "service" then
    return serve_kept(name, context, place.tier)
  end
  if is_absent(location, context) then
    meter.give_back(key, place, location.bucket)
    return reply.refuse(context, "filter", 404, "there is no such thing")
  end
  if place.waits then
    pause(place.wait)
    wait_for_turn(key, location.bucket)
  end
  return to_service(context)
end

-- A place in the bucket, or a probe, is not for the time that a client takes to send what it asks.
-- @return whether there is a body; HTTP/1 says so by a header
local function read_body(headers)
  local is_said = rawget(headers, "content-length") or rawget(headers, "transfer-encoding")
  -- The version is no call that LuaJIT compiles.
  if not is_said and not (speaks_http2 and ngx.req.http_version() >= 2) then
    return false
  end
  ngx.req.read_body()
  return (ngx.req.get_body_data() or ngx.req.get_body_file()) ~= nil
end

--- The access phase.
function _M.access(name)
  local context = ngx.ctx
  context.location = name
  -- All of them: by default the list ends at a hundred.
  context.headers = ngx.req.get_headers(0)
  -- A body is a part of the question that no answer is kept by.
  local has_body = read_body(context.headers)
  context.is_readable = not has_body and is_readable(locations[name], context.headers)
  context.uri = context.is_readable and ngx.var.gateway_url
  local mode = switches.mode(name)
  if mode == "service" then
    return metered(name, context)
  elseif mode ~= "auto" then
    return serve_kept(name, context, mode)
  end

  local admitted, probe = circuit_of[name]:admits()
  if not admitted then
    return serve_kept(name, context, "cache")
  elseif probe then
    return to_service(context, probe)
  end
  return metered(name, context)
end

-- How long the service took to begin its answer, over all tries; nil where it was not asked.
local function latency()
  local var = ngx.var
  -- One try is by far the most usual.
  local only = tonumber(var.upstream_header_time)
  if only then
    return only
  elseif (var.upstream_addr or "") == "" then
    return nil
  end
  local seconds, ends = 0, {}
  for time in string.gmatch(var.upstream_response_time or "", "[^,: ]+") do
    table.insert(ends, tonumber(time) or 0)
  end
  local try = 0
  for time in string.gmatch(var.upstream_header_time or "", "[^,: ]+") do
    try = try + 1
    -- A try without an answer took until it was given up.
    seconds = seconds + (tonumber(time) or ends[try] or 0)
  end
  return seconds
end

local function record(name, context, seconds)
  context.is_recorded = true
  local circuit = circuit_of[name]
  -- A client that went away says nothing about the service, unless it has waited too long for it.
  if not seconds or (ngx.status == 499 and seconds < locations[name].circuit.slowSeconds) then
    if context.probe then
      circuit:abandon_probe(context.probe)
    end
    return
  end
  local change = circuit:record(context.probe, ngx.status >= 500, seconds)
  if change then
    ngx.log(ngx.WARN, "gateway: the circuit of ", name, " has ", change)
  end
end

--- The header filter.
function _M.header(name)
  local context = ngx.ctx
  local seconds = context.is_sent and latency()
  context.told = seconds and "service" or answerer.tier()
  if context.told ~= context.logged then
    -- What nginx makes the header of.
    ngx.var.gateway_tier, context.logged = context.told, context.told
  end
  if context.is_sent then
    -- Here, not at the end: that comes when the client has taken the whole answer.
    record(name, context, seconds)
    local settings = locations[name].fill
    fill.begin(name, context, settings, collecting + settings.maxBytes <= MOST_COLLECTED)
    if context.chunks then
      context.collected = settings.maxBytes
      collecting = collecting + context.collected
    end
  end
end

--- The body filter.
function _M.body(name)
  if collecting == 0 then
    return
  end
  local context = ngx.ctx
  if context.chunks then
    fill.collect(context, locations[name].fill)
  end
end

--- The log phase.
function _M.finish()
  local context = locations and ngx.ctx
  if context and context.is_sent then
    if not context.is_recorded then
      record(context.location, context, latency())
    end
    if context.collected then
      collecting = collecting - context.collected
    end
    fill.finish(context, locations[context.location].fill)
  end
end

--- In the master. @param settings  { switches, files, locations, http2 }, or nil where no location has tiers
function _M.init(settings)
  if not settings then
    return
  end
  locations, speaks_http2 = settings.locations, settings.http2
  files.use_settings(settings.files)
  cache.use_settings(settings.files.files)
  switches.use_settings(settings.switches)
  meter.load()
  sharing.use_settings(locations)
  for name, location in pairs(locations) do
    circuit_of[name] = circuits.new(name, location.circuit, ngx.shared.gateway_tiers, ngx.now)
  end
end

--- In each worker.
function _M.init_worker()
  if not locations then
    return
  end
  local fills, filtered = {}, false
  for name, location in pairs(locations) do
    fills[name] = location.fill
    filtered = filtered or location.filter ~= nil
  end
  switches.start()
  fill.start(fills)
  if filtered then
    filter.start()
  end
end

--- Brings up to date, a few times a second, what the workers share.
function _M.publish()
  for _, circuit in pairs(circuit_of) do
    circuit:publish()
  end
end

--- What the admin page shows of each location.
function _M.state()
  local states, shared = {}, sharing.states()
  for name, location in pairs(locations or {}) do
    states[name] = { switch = switches.mode(name), circuit = circuit_of[name]:state(), shared = shared[name] }
    -- Buckets of clients, and those in Redis, are too many to show, or others' to tell.
    if location.key == "location" and not location.bucket.together then
      states[name].delay = meter.delay(name, location.bucket)
    end
  end
  return states
end

return _M
