-- Removes a record and what the indexes hold of it.
-- KEYS  record [index unique entries expiry]
-- ARGV  id; base of record keys
-- Answers 1, or 0 if there was no such record.
local keys = KEYS[2] and { base = ARGV[2], index = KEYS[2], unique = KEYS[3], entries = KEYS[4], expiry = KEYS[5] }
if keys then
  local no = refused('DEL', KEYS[1]) or mayIndex(keys)
  if no then return no end
  drop(keys, ARGV[1])
end
return redis.call('DEL', KEYS[1])
