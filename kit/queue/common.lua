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

-- Tells the jobs that wait for this one that it is completed, or that it will not
-- be, which makes dead letters of them.
local bury
local function settle(id, failure, keep)
	local parents = call('HGET', C, 'w:' .. id)
	if not parents then return end
	call('HDEL', C, 'w:' .. id)
	for parent in parents:gmatch('[^\n]+') do
		local m = call('ZSCORE', V, parent) and load(parent)
		if m and failure then
			call('ZREM', V, parent)
			bury(parent, m, failure, keep)
		elseif m then
			m.d = m.d - 1
			save(parent, m)
			if m.d <= 0 then
				call('ZREM', V, parent)
				ready(parent, m)
			end
		end
	end
end

function bury(id, m, reason, keep)
	m.e, m.z = reason, now
	save(id, m)
	call('ZADD', X, now + keep, id)
	call('HINCRBY', C, 'n:dead', 1)
	free(id, m)
	settle(id, 'a job that it waits for is dead: ' .. id, keep)
end

local function cancelled(id, m, keep)
	call('HDEL', C, 'c:' .. id)
	m.c, m.z = 1, now
	save(id, m)
	call('ZADD', F, now + (m.r or 0), id)
	call('HINCRBY', C, 'n:cancelled', 1)
	free(id, m)
	settle(id, 'a job that it waits for was cancelled: ' .. id, keep)
end

-- Has a job wait for those of others that are unfinished. Returns how many, or
-- nothing when one of them is not there or will not be completed.
local function await(id, others)
	local unfinished = {}
	for _, other in ipairs(others) do
		local m = load(other)
		if not m or m.c or call('ZSCORE', X, other) then return end
		if not call('ZSCORE', F, other) then unfinished[#unfinished + 1] = 'w:' .. other end
	end
	for _, field in ipairs(unfinished) do
		call('HSET', C, field, (call('HGET', C, field) or '') .. id .. '\n')
	end
	return #unfinished
end
