-- Frees the lock and wakes the one that has waited longest. KEYS: owner,
-- waiting, baton. ARGV: id. Returns 1, or 0 if the lock is not the caller's.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
	return 0
end
redis.call('DEL', KEYS[1])
-- The lock is free whatever becomes of waking, which those who wait do not
-- depend on.
local left = redis.pcall('PTTL', KEYS[2])
if type(left) == 'number' and left > 0 and redis.pcall('LLEN', KEYS[3]) == 0 then
	redis.pcall('RPUSH', KEYS[3], '1')
	redis.pcall('PEXPIRE', KEYS[3], left)
end
return 1
