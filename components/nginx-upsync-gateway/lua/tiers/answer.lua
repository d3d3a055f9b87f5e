-- An answer of a service as Redis and the files keep it: one line of JSON about it, then its body. Pure: the JSON
-- library comes from outside.

local _M = {}

-- Of its headers those that are about the content, and those that say what a browser may do with it.
local KEPT = {
  "content-type", "content-language", "content-disposition", "etag", "last-modified",
  "content-security-policy", "content-security-policy-report-only", "permissions-policy", "referrer-policy",
  "x-content-type-options", "x-frame-options",
  "cross-origin-embedder-policy", "cross-origin-opener-policy", "cross-origin-resource-policy",
  "access-control-allow-credentials", "access-control-allow-headers", "access-control-allow-methods",
  "access-control-allow-origin", "access-control-expose-headers", "access-control-max-age",
}

--- The headers that are kept, out of those of a response.
function _M.kept(headers)
  local kept = {}
  for _, name in ipairs(KEPT) do
    -- One that is there several times is a list.
    kept[name] = headers[name]
  end
  return kept
end

-- What its service lets nobody keep, or give once it is no longer fresh: RFC 9111, sections 5.2.2 and 4.2.4. Whatever its seconds, s-maxage
-- is a proxy-revalidate as well.
local NOT_KEPT = { "private", "no-store", "no-cache", "must-revalidate", "proxy-revalidate", "s-maxage" }

local function has(list, words)
  list = type(list) == "table" and table.concat(list, ",") or list
  if not list then
    return false
  end
  list = string.lower(list)
  for _, word in ipairs(words) do
    if string.find(list, word, 1, true) then
      return true
    end
  end
  return false
end

local function is_varied(vary)
  vary = type(vary) == "table" and table.concat(vary, ",") or vary
  return vary ~= nil and string.lower(vary) ~= "accept-encoding"
end

--- Whether an answer is for everybody, as far as its own headers say.
function _M.is_public(headers)
  return not headers["set-cookie"]
    and not headers["content-encoding"]
    and not has(headers["cache-control"], NOT_KEPT)
    and not is_varied(headers.vary)
end

--- @param answer  { service, uri, stored, headers, body }
function _M.encode(answer, encode_json)
  local about = { service = answer.service, uri = answer.uri, stored = answer.stored, length = #answer.body }
  -- A service that names no type has no header to keep, and an empty object would be written as a list.
  about.headers = next(answer.headers) and answer.headers or nil
  return encode_json(about) .. "\n" .. answer.body
end

--- What the first line of a text says of the answer: { service, uri, stored, length, headers }; nil where it is torn.
function _M.about(text, decode_json)
  local line = string.match(text, "^([^\n]*)")
  local about = line and decode_json(line)
  return type(about) == "table" and about or nil
end

--- Whether an answer keeps its place from another one that comes to it: it is asked for, or it would not have been kept
-- anew a while ago. So who asks for ever new URLs, or as ever new hosts, takes no place from those that others ask for.
-- @param seconds  that while
function _M.is_held(about, kept, seconds)
  local is_other = about ~= nil and (about.service ~= kept.service or about.uri ~= kept.uri)
  return is_other and type(about.stored) == "number" and kept.stored - about.stored < seconds
end

--- The answer in a text, or nil when it is torn or of something else.
function _M.decode(text, service, uri, decode_json)
  local at = string.find(text, "\n", 1, true)
  local about = at and decode_json(string.sub(text, 1, at - 1))
  if type(about) ~= "table" or about.service ~= service or about.uri ~= uri or about.length ~= #text - at then
    return nil
  end
  return { service = service, uri = uri, stored = about.stored, headers = about.headers or {}, body = string.sub(text, at + 1) }
end

return _M
