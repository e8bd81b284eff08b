-- Begins every script of a queue. KEYS, always all, in this order: jobs (a hash:
-- m<id> what is known of a job, p<id> its payload, r<id> its result, g<id> its
-- progress), ready (by priority and order), delayed (by due time), active (by the
-- end of the lease; members <token>:<id>), dead and done (by when they are
-- forgotten), blocked (by name: <key> NUL <place> NUL <id>), timers (by time: k:<key>
-- a job of the key may start, t:<key> its rate has recovered, u:<name> a unique
-- name ends), control (a hash: seq, paused, c:<id> to be cancelled, r:<key> how
-- many run, u:<name> who has a unique name, n:… counts), schedules (a hash: name to
-- time and spec) and wake (a list that idle workers block on).
--
-- A job's state is the set that it is in, so no two records can disagree on it.
local J, R, D, A, X, F, B, T, C, S, W = unpack(KEYS)
local call = redis.call
local clock = call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local function save(id, m) call('HSET', J, 'm' .. id, cjson.encode(m)) end

local function load(id)
	local m = call('HGET', J, 'm' .. id)
	return m and cjson.decode(m)
end

local function forget(id) call('HDEL', J, 'm' .. id, 'p' .. id, 'r' .. id, 'g' .. id) end

local function wake()
	if call('LLEN', W) == 0 then call('LPUSH', W, '1') end
end

-- 2^44 places for each of the priorities from 100 down to -100.
local function place(m, first)
	return (100 - (m.p or 0)) * 17592186044416 + (first and 0 or call('HINCRBY', C, 'seq', 1))
end

local function ready(id, m, first)
	call('ZADD', R, place(m, first), id)
	wake()
end

local function waiting(key)
	return call('ZRANGEBYLEX', B, '[' .. key .. '\0', '(' .. key .. '\1', 'LIMIT', 0, 1)[1]
end

-- Lets the first job that waits for the key try again.
local function unblock(key)
	local first = waiting(key)
	if not first then return end
	call('ZREM', B, first)
	local at, id = first:match('^%z(%d+)%z(.*)$', #key + 1)
	call('ZADD', R, at, id)
	wake()
end

-- A job of the key no longer runs.
local function leave(key)
	if not key then return end
	if call('HINCRBY', C, 'r:' .. key, -1) <= 0 then call('HDEL', C, 'r:' .. key) end
	unblock(key)
end

-- The job is finished: its unique name is free, at once or when its time is over.
local function free(id, m)
	if not m.u or call('HGET', C, 'u:' .. m.u) ~= id then return end
	if m.h and m.at + m.h > now then
		call('ZADD', T, m.at + m.h, 'u:' .. m.u)
	else
		call('HDEL', C, 'u:' .. m.u)
	end
end

local function bury(id, m, reason, keep)
	m.e, m.z = reason, now
	save(id, m)
	call('ZADD', X, now + keep, id)
	call('HINCRBY', C, 'n:dead', 1)
	free(id, m)
end

local function cancelled(id, m)
	call('HDEL', C, 'c:' .. id)
	m.c, m.z = 1, now
	save(id, m)
	call('ZADD', F, now + (m.r or 0), id)
	call('HINCRBY', C, 'n:cancelled', 1)
	free(id, m)
end
