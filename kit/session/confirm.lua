-- Looks whether an index entry still stands, after its record has been written.
--
-- This is a script only so that it is never sent to a replica, which may not
-- have heard of the entry yet.
--
-- KEYS[1]  index
-- ARGV     id
-- Returns  1, or 0 when the entry is gone or marked as being revoked

local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
if score and tonumber(score) >= 0 then
  return 1
end
return 0
