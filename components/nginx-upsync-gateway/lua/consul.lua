-- As much of an HTTP/1.1 client over cosockets as a blocking query of Consul needs.

local _M = {}

local CONNECT_TIMEOUT_MS = 1000
-- Once an answer has begun, the rest must follow without such a pause.
local READ_TIMEOUT_MS = 2000
-- How often a waiting query looks whether it should stop: a worker that leaves waits for it.
local SLICE_MS = 200
local IDLE_MS = 30000
local MAX_HEADERS = 100
local MAX_BODY = 16 * 1024 * 1024

-- Waits for the status line, which a blocking query gets only when something changed.
local function read_status(sock, timeout_ms, should_stop)
  local deadline = ngx.now() + timeout_ms / 1000
  local begun = ""
  sock:settimeout(SLICE_MS)
  while true do
    local line, err, partial = sock:receive("*l")
    if line then
      local status = string.match(begun .. line, "^HTTP/1%.%d (%d%d%d)")
      if not status then
        return nil, "not an HTTP answer"
      end
      return tonumber(status)
    end
    if err ~= "timeout" then
      return nil, err
    end
    begun = begun .. (partial or "")
    if should_stop() then
      return nil, "stopped"
    end
    if ngx.now() >= deadline then
      return nil, "no answer in " .. timeout_ms .. " ms"
    end
  end
end

local function read_headers(sock)
  local headers = {}
  for _ = 1, MAX_HEADERS do
    local line, err = sock:receive("*l")
    if not line then
      return nil, err
    end
    if line == "" then
      return headers
    end
    local name, value = string.match(line, "^([^:]+):%s*(.-)%s*$")
    if name then
      headers[string.lower(name)] = value
    end
  end
  return nil, "too many headers"
end

local function read_chunks(sock)
  local chunks, total = {}, 0
  while true do
    local line, err = sock:receive("*l")
    local size = line and tonumber(string.match(line, "^%x+") or "", 16)
    if not size then
      return nil, err or "a bad chunk size"
    end
    total = total + size
    if total > MAX_BODY then
      return nil, "the answer is too large"
    end
    local chunk = ""
    if size > 0 then
      chunk, err = sock:receive(size)
      if not chunk then
        return nil, err
      end
    end
    -- After the last chunk there may be trailers; Consul sends none, and the empty line ends them.
    line, err = sock:receive("*l")
    if not line then
      return nil, err
    end
    if size == 0 then
      return table.concat(chunks)
    end
    table.insert(chunks, chunk)
  end
end

local function read_body(sock, headers)
  if headers["transfer-encoding"] == "chunked" then
    return read_chunks(sock)
  end
  local length = tonumber(headers["content-length"])
  if not length then
    return nil, "an answer without a length"
  end
  if length > MAX_BODY then
    return nil, "the answer is too large"
  end
  if length == 0 then
    return ""
  end
  local body, err = sock:receive(length)
  return body, err
end

local function exchange(sock, server, path, timeout_ms, should_stop)
  local request = "GET " .. path .. " HTTP/1.1\r\nHost: " .. server.host .. "\r\nUser-Agent: dockyard-gateway\r\n\r\n"
  local sent, err = sock:send(request)
  if not sent then
    return nil, err
  end
  local status, headers, body
  status, err = read_status(sock, timeout_ms, should_stop)
  if not status then
    return nil, err
  end
  sock:settimeout(READ_TIMEOUT_MS)
  headers, err = read_headers(sock)
  if not headers then
    return nil, err
  end
  body, err = read_body(sock, headers)
  if not body then
    return nil, err
  end
  return { status = status, headers = headers, body = body }
end

--- Gets a path from a server.
-- @param timeout_ms   how long the answer may take to begin
-- @param should_stop  function; when it says so the query ends with "stopped"
-- @return { status, headers, body }, or nil and the reason
function _M.get(server, path, timeout_ms, should_stop)
  local sock = ngx.socket.tcp()
  sock:settimeout(CONNECT_TIMEOUT_MS)
  local ok, err = sock:connect(server.host, server.port)
  if not ok then
    return nil, err
  end

  local answer
  answer, err = exchange(sock, server, path, timeout_ms, should_stop)
  if answer and answer.headers.connection ~= "close" then
    sock:setkeepalive(IDLE_MS, 1)
  else
    sock:close()
  end
  return answer, err
end

return _M
