-- Begins a new lease on one master of a quorum. A master that has lost the lock,
-- because it was restarted, gets it again, with the holder's token, so that a
-- rolling restart does not wear a quorum down. It does not count for this
-- extension: another may have had the lock there in between. KEYS: token, owner.
-- ARGV: id, lease in ms, token. Returns 1 if the lock was still there, or 0.
local owner = redis.call('GET', KEYS[2])
if owner and owner ~= ARGV[1] then
	return 0
end
local old = tonumber(redis.call('GET', KEYS[1])) or 0
if old < tonumber(ARGV[3]) then
	redis.call('SET', KEYS[1], ARGV[3])
end
redis.call('SET', KEYS[2], ARGV[1], 'PX', ARGV[2])
return owner and 1 or 0
