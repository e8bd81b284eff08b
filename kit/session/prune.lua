-- Removes index entries whose records a list did not find.
--
-- KEYS[1] index ARGV age in ms below which an entry may belong to a session
-- that is just being created, then ids Returns how many were removed

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local removed = 0
for i = 2, #ARGV do
  local score = redis.call('ZSCORE', KEYS[1], ARGV[i])
  if score and math.abs(tonumber(score)) <= now - tonumber(ARGV[1]) then
    removed = removed + redis.call('ZREM', KEYS[1], ARGV[i])
  end
end
return removed
