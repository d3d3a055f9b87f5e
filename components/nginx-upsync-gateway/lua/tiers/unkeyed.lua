-- Headers by which a service may take another URL or method, or write another host into its answer: they are no part of what an answer is
-- kept by. And what is kept must suit those who take no compression.

local _M = {}

local NAMES = {
  ["accept-encoding"] = true, forwarded = true, ["x-host"] = true, ["x-http-method"] = true, ["x-rewrite-url"] = true,
}
local PATTERNS = { "^x%-forwarded%-", "^x%-original%-", "%-override$" }
-- What the gateway sets in place of what a client says; the first is made of what a trusted proxy has said.
local OWN = { ["x-forwarded-for"] = true, ["x-forwarded-host"] = true, ["x-forwarded-proto"] = true }

-- Clients may make names up: so many are remembered.
local MOST = 1000
local known, count = {}, 0

local function look(name)
  local found = NAMES[name] or false
  for _, pattern in ipairs(PATTERNS) do
    found = found or string.find(name, pattern) ~= nil
  end
  return found and not OWN[name]
end

--- Whether a header is none that an answer may depend on. @param name  in lower case
function _M.has(name)
  local found = known[name]
  if found == nil then
    found = look(name)
    if count < MOST then
      known[name], count = found, count + 1
    end
  end
  return found
end

return _M
