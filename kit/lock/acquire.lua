-- Takes the lock if it is free, and draws a fencing token. KEYS: token, owner,
-- waiting. ARGV: id, lease in ms, how long to note that somebody waits in ms
-- (0: not), whether the clock carries the token. Returns the token, or 0 minus
-- the milliseconds for which the lock is another's.
if not redis.call('SET', KEYS[2], ARGV[1], 'NX', 'PX', ARGV[2]) then
	redis.call('GET', KEYS[2]) -- raises WRONGTYPE where the key is no lock
	local left = redis.call('PTTL', KEYS[2])
	if left < 0 then
		return redis.error_reply('FOREIGN the key of the lock has no expiry, so it is not a lock')
	end
	local note = tonumber(ARGV[3])
	if note > 0 and note > redis.call('PTTL', KEYS[3]) then
		redis.call('SET', KEYS[3], '1', 'PX', note)
	end
	return -left
end

local token, failure = redis.pcall('INCR', KEYS[1]), nil
if type(token) == 'table' then
	failure = token
elseif ARGV[4] == '1' then
	-- The clock in seconds, with room for a million tokens in each, carries the
	-- token over a loss of the counter.
	local now = redis.pcall('TIME')
	if now.err then
		failure = now
	elseif token < now[1] * 1000000 then
		token = now[1] * 1000000
		local set = redis.pcall('SET', KEYS[1], string.format('%.0f', token))
		failure = set.err and set
	end
end
if failure then
	redis.call('DEL', KEYS[2]) -- a lock without a token must not stay behind
	return failure
end
return token
