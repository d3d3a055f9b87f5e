-- Buckets in shared memory, for all workers, or in Redis, for all gateways.

local ffi = require "ffi"
local bucket = require "gateway.tiers.bucket"
local redis = require "gateway.redis"
local sharing = require "gateway.tiers.sharing"

local _M = {}

local zone = ngx.shared.gateway_tiers

-- Under names of its own: files of users may declare these as well.
ffi.cdef([[
  typedef struct { long seconds, nanoseconds; } gateway_time;
  int gateway_clock(int id, gateway_time *time) __asm__("clock_gettime");
  int gateway_sleep(unsigned int microseconds) __asm__("usleep");
]])
local clock = ffi.new("gateway_time[1]")
local REALTIME = 0

-- Nobody pauses while holding the lock, so others spin; only when the holder's process is not running they sleep, and soon: it
-- may wait for the very core that they spin on. The whole worker sleeps, as it does for nginx' own locks: were it to go on with other
-- requests, those that wait would be counted after some that came later.
local SPINS = 30
local NAP_MICROSECONDS = 100
-- A worker that dies with the lock in its hand blocks the others for so long, in seconds. Who waits measures it: an entry that ends by itself
-- would do so by the clock of who made it, which may stand still for as long.
local LOCK_LIFE = 0.5

-- By how much timers are late without anything being wrong, in ms.
local LATE = 5
-- One that was late may be followed so much sooner: pauses are longer by a share that makes up for it within a second, so that no second has
-- more than the rate.
local PACE = 1 + LATE / 1000
-- How long those that the bucket lets through may have to wait longer than it says, in ms, because workers were busy or for the longer pauses; what
-- comes then is for the service later.
local BACKLOG = 250

-- A state as it lies in memory; `gate`, the first time that nobody who waits has been given; and `turn`, when the service may get another request
-- after those that it has really got.
local record = ffi.new("double[5]")
local RECORD = ffi.typeof("const double*")
local SIZE = ffi.sizeof(record)

--- The shortest pause, in seconds: timers of nginx count in milliseconds, so a shorter one is one of a whole turn of its events.
_M.SHORTEST_PAUSE = 0.001

-- Text of the bucket's module, and what Redis runs, made when it is first needed.
local source
local scripts = {}

local function read(key)
  local bytes = zone:get(key)
  -- Shared memory outlives a reload, by which this code may be newer than what lies there.
  if not bytes or #bytes ~= SIZE then
    return nil, 0, 0
  end
  local values = ffi.cast(RECORD, bytes)
  return { excess = values[0], last = values[1], free = values[2] }, values[3], values[4]
end

-- A bucket that has run empty is as good as none.
local function write(key, state, gate, turn, settings)
  record[0], record[1], record[2], record[3], record[4] = state.excess, state.last, state.free, gate, turn
  zone:set(key, ffi.string(record, SIZE), settings.capacity / settings.rate + 1)
end

local function holds(name)
  local ok, err = zone:add(name, true)
  return ok or err ~= "exists"
end

-- nginx' clock stands still while it handles the events that came together.
local function true_now()
  ngx.update_time()
  return ngx.now()
end

-- The same without setting that clock, by which nginx would end what waits for answers that it has not looked for yet. In ms.
local function real_now()
  ffi.C.gateway_clock(REALTIME, clock)
  return tonumber(clock[0].seconds) * 1000 + tonumber(clock[0].nanoseconds) / 1e6
end

local function wait_for(name)
  local deadline = true_now() + LOCK_LIFE
  repeat
    for _ = 1, SPINS do
      if holds(name) then
        return
      end
    end
    ffi.C.gateway_sleep(NAP_MICROSECONDS)
  until true_now() > deadline
end

-- nginx' workers are processes: between one's reading and writing another would read the same.
local function lock(key)
  local name = "lock " .. key
  -- Most of the time nobody has it, and LuaJIT compiles what calls this only where no loop is on the way.
  if not holds(name) then
    wait_for(name)
  end
  return name
end

-- When the service may get the request behind one that it gets now: later ones do not make up for those that came late.
local function after(turn, now, settings)
  return math.max(turn, now) + PACE * 1000 / settings.rate
end

local function take_here(key, settings)
  local name = lock(key)
  local now = ngx.now() * 1000
  local before, gate, turn = read(key)
  if before then
    before.free = math.max(before.free, gate - BACKLOG)
    -- Another worker has counted later than this one's clock stands: requests are counted, and logged, in the order of their times.
    if now < before.last then
      now = true_now() * 1000
    end
  end
  local tier, state, wait, delay = bucket.take(before, now, settings)
  local goes = tier == "service" and wait < _M.SHORTEST_PAUSE and now >= math.max(gate, turn) - LATE
  local taken = goes and after(turn, now, settings) or turn
  write(key, state, gate, taken, settings)
  zone:delete(name)
  return { tier = tier, wait = wait, waits = not goes, delay = delay, due = now + wait * 1000, turn = turn, taken = taken }
end

local function give_back_here(key, place, settings)
  local name = lock(key)
  local state, gate, turn = read(key)
  if state then
    local turn_left = turn == place.taken and place.turn or turn
    write(key, bucket.give_back(state, place.due, settings), gate, turn_left, settings)
  end
  zone:delete(name)
end

local HEAD = [[
local bucket = (function() %s
end)()
local settings = {}
for i, name in ipairs({ "rate", "capacity", "service", "cache", "static" }) do settings[name] = tonumber(ARGV[i]) end
local function keep(state)
  local life = math.ceil(settings.capacity / settings.rate * 1000) + 1000
  redis.call("SET", KEYS[1], string.format("%%.3f %%.3f %%.3f", state.excess, state.last, state.free), "PX", life)
end
local excess, last, free = string.match(redis.call("GET", KEYS[1]) or "", "^(%%S+) (%%S+) (%%S+)$")
local state = excess and { excess = tonumber(excess), last = tonumber(last), free = tonumber(free) } or nil
]]
local TAKE = [[
local time = redis.call("TIME")
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local tier, after, wait, delay = bucket.take(state, now, settings)
keep(after)
return { tier, string.format("%.6f", wait), string.format("%.6f", delay), string.format("%.3f", now + wait * 1000) }
]]
local GIVE_BACK = [[
if state then keep(bucket.give_back(state, tonumber(ARGV[6]), settings)) end
return 1
]]

local function hex(bytes)
  return (string.gsub(bytes, ".", function(byte)
    return string.format("%02x", string.byte(byte))
  end))
end

local function run(rest, key, settings, ...)
  local script = scripts[rest]
  if not script then
    -- The text of the bucket's own module, so that both count alike.
    local text = string.format(HEAD, source) .. rest
    script = { text = text, digest = hex(ngx.sha1_bin(text)) }
    scripts[rest] = script
  end
  local arguments = { 1, key, settings.rate, settings.capacity, settings.service, settings.cache, settings.static, ... }
  local reply, err = redis.call("EVALSHA", script.digest, unpack(arguments))
  if not reply and err and string.find(err, "NOSCRIPT", 1, true) then
    reply, err = redis.call("EVAL", script.text, unpack(arguments))
  end
  return reply, err
end

-- How far this worker's clock is ahead of Redis' in ms: of what was seen, the least has the answer's way in it least.
local offset
local offset_until = 0
local OFFSET_LIFE = 60000

-- When it is a time of Redis' clock by this worker's, however long the answer was on its way.
local function here(due, redis_now)
  local now = ngx.now() * 1000
  local seen = now - redis_now
  if not offset or seen < offset or now > offset_until then
    offset, offset_until = seen, now + OFFSET_LIFE
  end
  return due + offset
end

local function take_together(key, settings)
  local reply, err = run(TAKE, key, settings)
  if not reply then
    -- A Redis that is asked too much is not away: a bucket of the gateway's own would let more through, not less.
    local is_flooded = err and string.find(err, "too many waiting", 1, true)
    if not is_flooded then
      sharing.refused(key, settings, err)
    end
    return is_flooded and { tier = "rejected", wait = 0, delay = settings.static + 1 } or nil
  end
  sharing.counted(key, settings)
  local wait, due = tonumber(reply[2]), tonumber(reply[4])
  wait = math.max(here(due, due - wait * 1000) / 1000 - ngx.now(), 0)
  return { tier = reply[1], wait = wait, delay = tonumber(reply[3]), due = due, together = true, waits = wait >= _M.SHORTEST_PAUSE }
end

--- In the master. Reads the module that Redis is to run.
function _M.load()
  local path = ngx.config.prefix() .. "lua/gateway/tiers/bucket.lua"
  local file = assert(io.open(path, "r"))
  source = file:read("*a")
  file:close()
end

--- Counts a request in: among all gateways where they share the bucket and Redis answers, else in this one.
-- @return { tier, wait, waits, delay }: `waits`, whether release has to be asked when the time to wait is over, even if that is none
function _M.take(key, settings)
  return settings.together and take_together("gateway:bucket:" .. key, settings) or take_here("bucket " .. key, settings)
end

--- How long it takes a bucket in shared memory to run empty, in seconds.
function _M.delay(key, settings)
  local state = read("bucket " .. key)
  local excess = state and state.excess - settings.rate * (ngx.now() * 1000 - state.last) or 0
  return math.max(excess, 0) / settings.rate / 1000
end

--- Lets a request go that has waited, or says for how much longer it waits: until a time of its own, at which it asks again. Where a worker was
-- busy several wake up at once, and the service is not to get them at once.
-- @param is_again  whether this is such a time; who asks first waits behind those that have one
-- @return seconds; 0 where it goes
function _M.release(key, settings, is_again)
  key = "bucket " .. key
  local name = lock(key)
  local now = real_now()
  local state, gate, turn = read(key)
  local free = math.max(gate, turn)
  local goes = now >= (is_again and turn or free) - LATE
  if goes then
    turn = after(turn, now, settings)
  else
    gate = after(free, now, settings)
  end
  write(key, state or { excess = 0, last = now, free = now }, gate, turn, settings)
  zone:delete(name)
  return goes and 0 or (free - now) / 1000
end

--- Takes a request out again that the service did not get after all.
-- @param place  what take gave it
function _M.give_back(key, place, settings)
  if place.together then
    run(GIVE_BACK, "gateway:bucket:" .. key, settings, place.due)
  else
    give_back_here("bucket " .. key, place, settings)
  end
end

return _M
