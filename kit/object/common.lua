-- What every script here shares: it stands in front of each of them.

-- refused answers an error if the caller may not run this command on this key.
-- Redis does not undo the first half of a script whose second half is denied,
-- so a script asks before its first write; asking costs a tenth of a
-- microsecond.
local function refused(...)
  if redis.acl_check_cmd and not redis.acl_check_cmd(...) then
    return redis.error_reply('NOPERM this user may not run ' .. (...) .. ' on ' .. select(2, ...))
  end
end

-- clock answers Redis' time in microseconds, as text.
local function clock()
  local t = redis.call('TIME')
  return string.format('%.0f', t[1] * 1000000 + t[2])
end
