-- What each worker tells the others about itself: which generation it is, whether it has started, whether
-- it is on its way out, and per service the list that it balances over and its requests in flight.

local ffi = require "ffi"
local json = require "gateway.json"

local _M = {}

-- pid → { pid, generation, count, started, exiting, index, confirmedAt }
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
