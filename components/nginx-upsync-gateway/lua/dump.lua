-- What was last seen, on disk: the gateway starts from it when Consul is away.

local entries = require "gateway.entries"
local json = require "gateway.json"
local memory = require "gateway.memory"
local timers = require "gateway.timer"

local _M = {}

-- Changes that come together are written together, in seconds.
local DELAY = 0.1

-- How far the confirmation in the file may lag behind, in seconds: a gateway that starts from it tells its age.
local LAG = 10

local settings
local confirmed_in_file = 0
local is_dirty = false
local has_failed = false

local function snapshot()
  local services = {}
  for name in pairs(settings.services) do
    local record = memory.parse(memory.text(name))
    if record then
      local peers = {}
      for i, peer in ipairs(record.list) do
        peers[i] = { address = peer.address, attributes = entries.attributes(peer) }
      end
      services[name] = { index = record.index, peers = peers }
    end
  end
  return json.encode({ prefix = settings.prefix, confirmedAt = memory.confirmed_at(), services = services })
end

-- A rename replaces the file in one step: a reader sees the old one or the new one.
local function write(text)
  local draft = settings.dump .. "." .. ngx.worker.pid()
  local file, err = io.open(draft, "w")
  if not file then
    return nil, err
  end
  local ok
  ok, err = file:write(text, "\n")
  local closed, close_err = file:close()
  if not ok or not closed then
    os.remove(draft)
    return nil, err or close_err
  end
  return os.rename(draft, settings.dump)
end

local function flush()
  local confirmed_at = memory.confirmed_at() or 0
  local ok, err = write(snapshot())
  is_dirty = not ok
  confirmed_in_file = ok and confirmed_at or confirmed_in_file
  if not ok and not has_failed then
    ngx.log(ngx.ERR, "gateway: cannot write the dump: ", err)
  end
  has_failed = not ok
end

local timer = timers.new(flush)

function _M.use_settings(gateway_settings)
  settings = gateway_settings
end

--- Writes the dump a little later, in the one worker that does; a worker on its way out writes it at once.
function _M.write_soon()
  if ngx.worker.id() == 0 then
    is_dirty = true
    timer:set(DELAY)
  end
end

--- Tries again what could not be written, or whose timer was lost, and keeps the confirmation of a list that does not change.
function _M.keep_current()
  if is_dirty or (memory.confirmed_at() or 0) - confirmed_in_file >= LAG then
    _M.write_soon()
  end
end

local function peers_of(saved)
  local list = {}
  for i, peer in ipairs(saved.peers) do
    list[i] = assert(entries.peer(peer.address, peer.attributes))
  end
  return list
end

local function read(path)
  local file = io.open(path, "r")
  if not file then
    return nil
  end
  local text = file:read("*a")
  file:close()
  local saved = json.decode(text)
  if type(saved) ~= "table" or type(saved.services) ~= "table" then
    error("it is not the JSON of a dump")
  end
  if saved.prefix ~= settings.prefix then
    error("it is of the prefix " .. tostring(saved.prefix))
  end
  return saved
end

-- Puts what the dump holds where memory has nothing newer, after all of it has been read. A service with a
-- strong dependency starts from Consul or not at all.
local function restore()
  local saved = read(settings.dump)
  if not saved then
    return
  end
  local lists = {}
  for name, record in pairs(saved.services) do
    lists[name] = peers_of(record)
  end
  for name, service in pairs(settings.services) do
    if lists[name] and not service.strongDependency and not memory.text(name) then
      memory.write(name, lists[name], "dump", saved.services[name].index)
    end
  end
  memory.note_dump(saved.confirmedAt)
end

--- Loads the dump, at the start and at each reload. One that cannot be used is as good as none.
function _M.load()
  local ok, err = pcall(restore)
  if not ok then
    ngx.log(ngx.ERR, "gateway: ignoring the dump ", settings.dump, ": ", err)
  end
end

return _M
