-- Logs in to a server of Redis and asks whether it is the primary.

local _M = {}

--- @param settings  { user, password }
-- @return true, or nil and the reason
function _M.log_in(connection, settings)
  connection:init_pipeline()
  connection:auth(settings.user, settings.password)
  connection:role()
  local replies, err = connection:commit_pipeline()
  if not replies then
    return nil, err
  end
  local login, role = replies[1], replies[2]
  if type(login) == "table" then
    return nil, login[2]
  end
  -- A user that may not ask is believed to have been sent to the right one.
  if role[1] and role[1] ~= "master" then
    return nil, "it is a " .. tostring(role[1])
  end
  return true
end

return _M
