-- Answers in files on the gateway's data volume. There is a fixed number of files, and an answer has two that it may
-- be in, so nothing has to be counted or cleared away: what is written takes the place of the older of the two.

local ffi = require "ffi"
local answer = require "gateway.tiers.answer"
local json = require "gateway.json"

local _M = {}

ffi.cdef("int mkdir(const char *path, unsigned int mode);")
local FOLDER_MODE = 448 -- 0700

local settings

--- In the master. @param files_settings  { folder, files }
function _M.use_settings(files_settings)
  settings = files_settings
  ffi.C.mkdir(settings.folder, FOLDER_MODE)
end

local function paths(service, uri)
  local name = service .. " " .. uri
  local first = ngx.crc32_long(name) % settings.files
  local second = ngx.crc32_long(name .. " 2") % settings.files
  return settings.folder .. "/" .. first, settings.folder .. "/" .. second
end

-- @param what  how much of it: "*a" for all, "*l" for its first line
local function read(path, what)
  local file = io.open(path, "r")
  if not file then
    return nil
  end
  local text = file:read(what)
  file:close()
  return text
end

local function read_about(path)
  local line = read(path, "*l")
  return line and json.decode(line)
end

--- The answer kept for a request, or nil.
function _M.get(service, uri)
  for _, path in ipairs({ paths(service, uri) }) do
    local text = read(path, "*a")
    local found = text and answer.decode(text, service, uri, json.decode)
    if found then
      return found
    end
  end
end

-- The file that has the answer already, else the one that is free or older; nil where both are in use.
local function place_of(kept, held)
  local oldest, oldest_about
  for _, path in ipairs({ paths(kept.service, kept.uri) }) do
    local about = read_about(path)
    if about and about.service == kept.service and about.uri == kept.uri then
      return path
    end
    if not oldest or (about and about.stored or 0) < (oldest_about and oldest_about.stored or 0) then
      oldest, oldest_about = path, about
    end
  end
  return not answer.is_held(oldest_about, kept, held) and oldest or nil
end

--- Keeps an answer, unless both its files are others' that are in use. A rename replaces the file in one step: a reader
-- sees the old one or the new one.
-- @param held  for how long another one is taken to be in use, in seconds
-- @return true, or nil and the reason
function _M.put(kept, held)
  local path = place_of(kept, held)
  if not path then
    return true
  end
  local draft = settings.folder .. "/draft." .. ngx.worker.pid()
  local file, err = io.open(draft, "w")
  if not file then
    return nil, err
  end
  local ok
  ok, err = file:write(answer.encode(kept, json.encode))
  local closed, close_err = file:close()
  if not ok or not closed then
    os.remove(draft)
    return nil, err or close_err
  end
  return os.rename(draft, path)
end

--- Takes an answer away. @param before  time: one that was kept later stays
function _M.remove(service, uri, before)
  for _, path in ipairs({ paths(service, uri) }) do
    local about = read_about(path)
    if about and about.service == service and about.uri == uri and about.stored < before then
      os.remove(path)
    end
  end
end

--- Takes the files away of a time when there was another number of them: an answer has another place now, and where
-- that number comes back one of then would be in the way of its successor.
function _M.clear_others()
  local marker = settings.folder .. "/count"
  local count = tonumber(read(marker, "*l") or "")
  if count == settings.files then
    return
  end
  for place = 0, (count or 0) - 1 do
    os.remove(settings.folder .. "/" .. place)
  end
  local file = io.open(marker, "w")
  if file then
    file:write(settings.files, "\n")
    file:close()
  end
end

return _M
