-- Locks that several hold: the permits of a semaphore, the readers of a lock.
-- The holders are a sorted set of ids by the end of their leases; a writer's id
-- ends in 'w', and it holds alone.
local function clock()
	local now = redis.call('TIME')
	return math.floor(now[1] * 1000 + now[2] / 1000)
end

-- Counts the holders, and says whether a writer holds. The expired are dropped.
local function count(holders)
	redis.call('ZREMRANGEBYSCORE', holders, '-inf', clock())
	local first = redis.call('ZRANGE', holders, 0, 0)[1]
	return redis.call('ZCARD', holders), first and string.sub(first, -1) == 'w'
end

-- Wakes whoever can go on: a writer once nobody holds, readers unless a writer
-- holds or waits.
local function pass(holders, readers, writers, counts)
	local held, writing = count(holders)
	if writing then
		return 0
	end
	if writers then
		if held == 0 and wake(writers, counts) == 1 then
			return 1
		end
		if held > 0 and redis.call('EXISTS', writers) == 1 then
			return 0
		end
	end
	return wake(readers, counts)
end
