-- Notes that the process waits, and draws tokens; for the scripts that acquire,
-- with their KEYS and ARGV.
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

-- Returns a token, or nil and what failed.
local function draw()
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
	return token, failure
end
