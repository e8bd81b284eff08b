-- SET with NX and GET, for servers before Redis 7.0. KEYS[1] the key; ARGV[1]
-- the value, ARGV[2] its life in ms, 0 for ever. Returns what was there.
local held = redis.call('GET', KEYS[1])
if held then return held end
if ARGV[2] == '0' then
  redis.call('SET', KEYS[1], ARGV[1])
else
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
end
return false
