-- Takes the lock if it is free, and draws a fencing token. KEYS: token, owner,
-- waiters. ARGV: id, lease in ms, whether the clock carries the token, the
-- channel of the process, for how long to note in ms that it waits (0: not),
-- whether it comes first because it was woken, whether others wait in it.
-- Returns the token, or 0 minus the milliseconds for which the lock is
-- another's.
local function note()
	local ttl = tonumber(ARGV[5])
	local now = redis.call('TIME')
	local place = ARGV[6] == '1' and 0 or now[1] * 1000000 + now[2]
	local added = redis.call('ZADD', KEYS[3], 'NX', place, ARGV[4])
	if redis.call('PTTL', KEYS[3]) < ttl then
		redis.call('PEXPIRE', KEYS[3], ttl)
	end
	return added
end

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

local token, failure
if ARGV[3] == '1' then
	-- The clock carries the token over a loss of the counter.
	local now, old = redis.pcall('TIME'), redis.pcall('GET', KEYS[1])
	failure = now.err and now or type(old) == 'table' and old
	if not failure then
		token = now[1] * 1000000 + now[2]
		old = tonumber(old) or 0
		if token <= old then token = old + 1 end
		local set = redis.pcall('SET', KEYS[1], string.format('%.0f', token))
		failure = set.err and set
	end
else
	token = redis.pcall('INCR', KEYS[1])
	failure = type(token) == 'table' and token
end
if failure then
	redis.call('DEL', KEYS[2]) -- a lock without a token must not stay behind
	return failure
end
if ARGV[7] == '1' then
	pcall(note) -- they look by themselves after a while
end
return token
