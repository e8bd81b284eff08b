-- Takes a share if there is one, and draws a fencing token. KEYS: token,
-- holders, own queue, readers, writers (not of semaphores). ARGV: as of an
-- exclusive lock, then how many may hold (0: alone, -1: any number), and
-- whether PUBLISH counts all. Returns the token, or 0 minus the milliseconds until
-- the first lease ends.
local held, writing = count(KEYS[2])
local limit = tonumber(ARGV[8])
local free
if limit == 0 then
	free = held == 0
elseif limit > 0 then
	free = held < limit
else
	free = not writing and (held == 0 or redis.call('EXISTS', KEYS[5]) == 0)
end
if not free then
	if ARGV[5] ~= '0' then
		note()
	end
	local first = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')
	return -math.max(1, first[2] - clock())
end
redis.call('ZADD', KEYS[2], clock() + ARGV[2], ARGV[1])
if redis.call('PTTL', KEYS[2]) < tonumber(ARGV[2]) then
	redis.call('PEXPIRE', KEYS[2], ARGV[2])
end
local token, failure = draw()
if failure then
	redis.call('ZREM', KEYS[2], ARGV[1])
	return failure
end
if ARGV[7] == '1' then
	pcall(note) -- they look by themselves after a while
end
if limit < 0 or held + 1 < limit then
	pcall(pass, KEYS[2], KEYS[4], KEYS[5], ARGV[9]) -- there is room for another
end
return token
