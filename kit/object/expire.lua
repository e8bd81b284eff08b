-- Sets or lifts the end of a record's life.
-- KEYS  record [index unique entries expiry]
-- ARGV  id; base of record keys; life in ms, or '' to let it stay for good
-- Answers 1, or 0 if there is no such record.
local keys = KEYS[2] and { base = ARGV[2], index = KEYS[2], unique = KEYS[3], entries = KEYS[4], expiry = KEYS[5] }
local life = ARGV[3]
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if keys then
  local no = refused('PEXPIREAT', KEYS[1], '1') or refused('PERSIST', KEYS[1]) or mayIndex(keys)
  if no then return no end
end
if life == '' then
  redis.call('PERSIST', KEYS[1])
  if keys then redis.call('ZREM', keys.expiry, ARGV[1]) end
  return 1
end
local ends = string.format('%.0f', math.floor(clock() / 1000) + life)
redis.call('PEXPIREAT', KEYS[1], ends)
if keys then redis.call('ZADD', keys.expiry, ends, ARGV[1]) end
return 1
