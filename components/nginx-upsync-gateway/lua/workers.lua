-- What each worker tells the others about itself: which generation it is, whether it has started, whether
-- it is on its way out, and per service the list that it balances over and its requests in flight.

local ffi = require "ffi"
local json = require "gateway.json"

local _M = {}

-- pid → { pid, generation, count, started, exiting, since, index, confirmedAt, askedAt }
local workers = ngx.shared.gateway_workers
-- "pid service" → { source, kept, index, peers, draining }
local states = ngx.shared.gateway_states

ffi.cdef("int kill(int pid, int sig);")

local ESRCH = 3

local function is_alive(pid)
  return ffi.C.kill(pid, 0) == 0 or ffi.errno() ~= ESRCH
end

local function put(zone, key, value)
  local text, err = json.encode(value)
  local ok = text ~= nil
  if ok then
    ok, err = zone:safe_set(key, text)
  end
  if not ok then
    ngx.log(ngx.ERR, "gateway: cannot publish the state of ", key, ": ", err)
  end
end

function _M.publish(worker)
  put(workers, tostring(worker.pid), worker)
end

function _M.publish_service(pid, service, state)
  put(states, pid .. " " .. service, state)
end

function _M.remove(pid)
  workers:delete(tostring(pid))
  for _, key in ipairs(states:get_keys(0)) do
    if string.find(key, pid .. " ", 1, true) == 1 then
      states:delete(key)
    end
  end
end

--- The workers that run, those of earlier generations included. A worker that was killed had no chance to
-- remove itself: its requests ended with it.
function _M.alive()
  local found = {}
  for _, key in ipairs(workers:get_keys(0)) do
    local text = workers:get(key)
    local worker = text and json.decode(text)
    if worker and is_alive(worker.pid) then
      table.insert(found, worker)
    elseif worker then
      _M.remove(worker.pid)
    end
  end
  return found
end

--- What a worker last published of a service, or nil when it does not route it.
function _M.service_state(pid, service)
  local text = states:get(pid .. " " .. service)
  return text and json.decode(text)
end

-- The newest generation's workers that are not on their way out: they are to follow Consul.
local function followers(found)
  local newest, list = 0, {}
  for _, worker in ipairs(found) do
    newest = math.max(newest, worker.generation)
  end
  for _, worker in ipairs(found) do
    if worker.generation == newest and not worker.exiting then
      table.insert(list, worker)
    end
  end
  return list
end

--- When Consul confirmed the lists of the worker for which that is longest ago; nil where one has none.
-- @param dumped_at  that of what a worker has without a word from Consul, or nil
function _M.confirmed_at(found, dumped_at)
  local oldest
  for _, worker in ipairs(followers(found)) do
    local at = worker.confirmedAt or dumped_at
    if not at then
      return nil
    end
    oldest = math.min(oldest or at, at)
  end
  return oldest
end

--- Whether every worker follows Consul: it goes on asking, and what the others are told it is told too. Where Consul is away none is told
-- anything, and all follow.
-- @param seconds  that a worker may be behind
function _M.follow(found, seconds)
  local list, youngest = followers(found), 0
  for _, worker in ipairs(list) do
    youngest = math.max(youngest, worker.confirmedAt or 0)
  end
  for _, worker in ipairs(list) do
    local asked, told = worker.askedAt or worker.since, worker.confirmedAt or worker.since
    if ngx.now() - asked > seconds or youngest - told > seconds then
      return false
    end
  end
  return true
end

--- Whether every worker of the newest generation has started.
function _M.complete(found)
  local newest, count, started = 0, 0, 0
  for _, worker in ipairs(found) do
    if worker.generation > newest then
      newest, count, started = worker.generation, worker.count, 0
    end
    if worker.generation == newest and worker.started and not worker.exiting then
      started = started + 1
    end
  end
  return count > 0 and started >= count
end

return _M
