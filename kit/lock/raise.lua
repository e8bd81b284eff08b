-- Lifts the counter to what the holder's token is. KEYS: token, owner. ARGV:
-- id, token. Returns 1, or 0 if the lock is not the caller's.
if redis.call('GET', KEYS[2]) ~= ARGV[1] then
	return 0
end
local old = tonumber(redis.call('GET', KEYS[1])) or 0
if old < tonumber(ARGV[2]) then
	redis.call('SET', KEYS[1], ARGV[2])
end
return 1
