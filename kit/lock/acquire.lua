-- Takes the lock if it is free, and draws a fencing token. KEYS: token, owner,
-- waiters. ARGV: id, lease in ms, whether the clock carries the token, the
-- channel of the process, for how long to note in ms that it waits (0: not),
-- whether it comes first because it was woken, whether others wait in it.
-- Returns the token, or 0 minus the milliseconds for which the lock is
-- another's.
if not redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then
	redis.call('GET', KEYS[2]) -- raises WRONGTYPE where the key is no lock
	local left = redis.call('PTTL', KEYS[2])
	if left < 0 then
		return redis.error_reply('FOREIGN the key of the lock has no expiry, so it is not a lock')
	end
	if ARGV[5] ~= '0' then
		note()
	end
	return -left
end

local token, failure = draw()
if failure then
	redis.call('DEL', KEYS[2]) -- a lock without a token must not stay behind
	return failure
end
if ARGV[7] == '1' then
	pcall(note) -- they look by themselves after a while
end
return token
