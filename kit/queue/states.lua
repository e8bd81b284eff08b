-- What scripts share that take jobs out of their states. A run of a script pays for
-- all that it defines, so this is not in common.lua.
local function forget(id) call('HDEL', J, 'm' .. id, 'p' .. id, 'r' .. id, 'g' .. id) end

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
