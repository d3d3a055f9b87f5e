-- What a Lua location is handed of a request, and how its answer goes out.

local json = require "gateway.json"

local _M = {}

-- Arguments of one kind that a request may have.
local MAX_ARGUMENTS = 100

-- Statuses whose answers have no body, nor a length of one.
local BODILESS = { [204] = true, [304] = true }

-- Those by which an answer is framed, which nginx does itself, and those that nginx answers or ends by.
local FRAMING = {
  connection = true, ["content-length"] = true, ["keep-alive"] = true, ["proxy-connection"] = true, te = true, trailer = true,
  ["transfer-encoding"] = true, upgrade = true,
}
local NOT_SENT = { [205] = true, [444] = true, [499] = true }

-- A form's argument may come without a value, which nginx gives as true.
local function text(value)
  return value == true and "" or value
end

-- The first value of each argument, and all of them: who asks for one never gets a list.
local function both(given)
  local firsts, lists = {}, {}
  for name, value in pairs(given) do
    local list = type(value) == "table" and value or { value }
    for i, each in ipairs(list) do
      list[i] = text(each)
    end
    firsts[name], lists[name] = list[1], list
  end
  return firsts, lists
end

local function media_type(headers)
  local given = headers["content-type"]
  given = type(given) == "table" and given[1] or given or ""
  return string.lower(string.match(given, "^%s*([^;%s]*)"))
end

-- @return the request's body, or nil where it is not in memory
local function read_body()
  ngx.req.read_body()
  local body = ngx.req.get_body_data()
  if body then
    return body
  end
  return not ngx.req.get_body_file() and "" or nil
end

--- The request as a table, or nil, the status to refuse it with and why.
function _M.request()
  -- All of them: by default the list ends at a hundred, and what a proxy adds comes last.
  local headers = ngx.req.get_headers(0)
  local given, err = ngx.req.get_uri_args(MAX_ARGUMENTS)
  if err then
    return nil, 400, "more than " .. MAX_ARGUMENTS .. " arguments"
  end
  local body = read_body()
  if not body then
    return nil, 413, "the body is too large"
  end

  local request = {
    method = ngx.req.get_method(),
    path = ngx.var.uri,
    address = ngx.var.remote_addr,
    id = ngx.var.request_id,
    headers = headers,
    body = body,
    post = {},
    lists = { post = {} },
  }
  request.get, request.lists.get = both(given)

  local type_of_body = media_type(headers)
  if type_of_body == "application/x-www-form-urlencoded" then
    given, err = ngx.req.get_post_args(MAX_ARGUMENTS)
    if err then
      return nil, 400, "more than " .. MAX_ARGUMENTS .. " arguments"
    end
    request.post, request.lists.post = both(given)
  elseif type_of_body == "application/json" then
    request.json = json.decode(body)
    if request.json == nil then
      return nil, 400, "the body is not JSON"
    end
  end
  return request
end

local function send(status, content_type, body, headers)
  ngx.status = status
  ngx.header["Content-Type"] = content_type
  for name, value in pairs(headers or {}) do
    ngx.header[name] = value
  end
  if not BODILESS[status] then
    ngx.header["Content-Length"] = #body
    ngx.print(body)
  end
  -- An exit with a status of which nothing is sent yet would have nginx put its own page in place of an empty body.
  ngx.send_headers()
  ngx.exit(ngx.OK)
end

--- Refuses a request, in JSON as nginx' own refusals here are.
function _M.refuse(status, why, headers)
  send(status, "application/json", json.encode({ error = why }), headers)
end

local function is_text(value)
  return type(value) == "string" or type(value) == "number"
end

-- A value, or a list of them where a header is there several times.
local function check_header(name, value)
  local values = type(value) == "table" and value or { value }
  local is_sound = type(name) == "string"
  if is_sound and FRAMING[string.lower(name)] then
    error("it returned the header " .. name .. ", which nginx sets by the body", 0)
  end
  for _, each in pairs(values) do
    is_sound = is_sound and is_text(each)
  end
  if not is_sound then
    error("it returned the header " .. tostring(name) .. " with a " .. type(value) .. "; headers are texts by their names", 0)
  end
end

local function check_headers(headers)
  if type(headers) ~= "table" then
    error("it returned a " .. type(headers) .. " for headers; they are a table of texts by their names", 0)
  end
  for name, value in pairs(headers) do
    check_header(name, value)
  end
  return headers
end

--- Turns what a location returned into { status, type, body, headers }; raises an error where it is no answer.
function _M.answer(returned)
  if returned == nil then
    return { status = 204, body = "" }
  end
  if type(returned) == "string" or type(returned) == "number" then
    returned = { body = returned }
  end
  if type(returned) ~= "table" then
    error("it returned a " .. type(returned) .. "; an answer is a text, a table or nil", 0)
  end
  local status = returned.status or 200
  if type(status) ~= "number" or status < 200 or status > 599 or status % 1 ~= 0 or NOT_SENT[status] then
    error("it returned the status " .. tostring(status), 0)
  end
  local body, content_type = returned.body, "text/plain; charset=utf-8"
  if returned.json ~= nil then
    local err
    body, err = json.encode_plain(returned.json)
    if not body then
      error("it returned what is no JSON: " .. tostring(err), 0)
    end
    content_type = "application/json"
  end
  return { status = status, type = content_type, body = tostring(body or ""), headers = check_headers(returned.headers or {}) }
end

function _M.send(answer)
  send(answer.status, answer.type, answer.body, answer.headers)
end

return _M
