-- Stores a record if the caller's token still stands in the entry. KEYS[1] the
-- entry; ARGV[1] token, ARGV[2] record, ARGV[3] life in ms, ARGV[4] '1' when
-- the entry must go if the token does not stand (a writer whose lease was lost
-- must not leave behind what others stored meanwhile). Returns 1 when stored, 0
-- when the lease was lost.
local key = KEYS[1]
if redis.call('GETRANGE', key, 1, 16) == ARGV[1] then
  redis.call('SET', key, ARGV[2], 'PX', ARGV[3])
  return 1
end
if ARGV[4] == '1' then
  redis.call('DEL', key)
end
return 0
