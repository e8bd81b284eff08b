-- Begins every script of a queue. KEYS, always all, in this order: jobs (a hash:
-- m<id> what is known of a job, p<id> its payload, r<id> its result, g<id> its
-- progress), ready (by priority and order), delayed (by due time), active (by the
-- end of the lease; members <token>:<id>), dead and done (by when they are
-- forgotten), blocked (by name: <key> NUL <place> NUL <id>), waiting (for other jobs;
-- by when they were enqueued), timers (by time: k:<key> a job of the key may start,
-- t:<key> its rate has recovered, u:<name> a unique name ends), control (a hash:
-- seq, paused, c:<id> to be cancelled, r:<key> how many run, u:<name> who has a
-- unique name, w:<id> who waits for the job, a line each, n:… counts), schedules (a
-- hash: name to time and spec) and wake (a list that idle workers block on).
--
-- A job's state is the set that it is in, so no two records can disagree on it.
local J, R, D, A, X, F, B, V, T, C, S, W = unpack(KEYS)
local call = redis.call
local clock = call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

local function save(id, m) call('HSET', J, 'm' .. id, cjson.encode(m)) end

local function load(id)
	local m = call('HGET', J, 'm' .. id)
	return m and cjson.decode(m)
end

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
