-- Returns how many jobs are ready, delayed, active, dead, done, blocked and waiting, whether
-- the queue is paused, how many were done, failed, dead and cancelled so far, when
-- the first ready job was enqueued in ms or 0, and the clock.
local first = call('ZRANGE', R, 0, 0)[1]
local m = first and load(first)
local n = call('HMGET', C, 'n:done', 'n:failed', 'n:dead', 'n:cancelled')
return { call('ZCARD', R), call('ZCARD', D), call('ZCARD', A), call('ZCARD', X), call('ZCARD', F), call('ZCARD', B),
	call('ZCARD', V), call('HEXISTS', C, 'paused'), tonumber(n[1] or 0), tonumber(n[2] or 0), tonumber(n[3] or 0), tonumber(n[4] or 0), m and m.at or 0, now }
