-- Takes jobs. ARGV: how many, the lease in ms, the worker, how many of a key may
-- run (0: any), ms between two starts of a key (0: none), how often a worker may
-- be lost over a job, how long dead letters are kept in ms. Returns the jobs (id,
-- token, meta, payload), in how many ms there is something to do again (-1: who
-- knows), and the leases that ended (id, and 1 if the job is dead).
local want, lease, worker = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local most, gap, losses, keep = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local batch = 100
local behind = false -- there was more to tidy up than one call does

local function due(set)
	local members = call('ZRANGEBYSCORE', set, '-inf', now, 'LIMIT', 0, batch)
	if #members > 0 then call('ZREM', set, unpack(members)) end
	if #members == batch then behind = true end
	return members
end

local lost = {}
for _, member in ipairs(due(A)) do
	local id = member:match('^%d+:(.*)$')
	local m = load(id)
	if m then
		m.l = (m.l or 0) + 1
		leave(m.k)
		if call('HEXISTS', C, 'c:' .. id) == 1 then
			cancelled(id, m, keep)
		elseif m.l >= losses then
			bury(id, m, 'the worker was lost ' .. m.l .. ' times while the job ran', keep)
			lost[#lost + 1] = { id, '1' }
		else
			save(id, m)
			ready(id, m, true)
			lost[#lost + 1] = { id, '0' }
		end
	end
end
for _, id in ipairs(due(D)) do
	local m = load(id)
	if m then ready(id, m) end
end
for _, timer in ipairs(due(T)) do
	local kind, name = timer:sub(1, 2), timer:sub(3)
	if kind == 'k:' then unblock(name) end
	if kind == 'u:' then call('HDEL', C, timer) end
end
for _, set in ipairs({ F, X }) do
	for _, id in ipairs(due(set)) do forget(id) end
end

local function block(id, key, at)
	call('ZADD', B, 0, key .. '\0' .. string.format('%016.0f', at) .. '\0' .. id)
end

-- Whether the job's key lets it start now. One that may not waits for the key, in
-- its place.
local function admit(id, m, at)
	local key = m.k
	if not key then return true end
	local running = tonumber(call('HGET', C, 'r:' .. key) or 0)
	if most > 0 and running >= most then return block(id, key, at) end
	if gap > 0 then
		local free = tonumber(call('ZSCORE', T, 't:' .. key) or 0)
		if free > now then
			call('ZADD', T, free, 'k:' .. key)
			return block(id, key, at)
		end
		call('ZADD', T, now + gap, 't:' .. key)
		if waiting(key) then call('ZADD', T, now + gap, 'k:' .. key) end
	elseif most == 0 or running + 1 < most then
		unblock(key)
	end
	call('HINCRBY', C, 'r:' .. key, 1)
	return true
end

local got, looked = {}, 0
if want > 0 and call('HEXISTS', C, 'paused') == 0 then
	while #got < want and looked < 1000 do
		local popped = call('ZPOPMIN', R, want - #got)
		if #popped == 0 then break end
		for i = 1, #popped, 2 do
			local id = popped[i]
			local record = call('HMGET', J, 'm' .. id, 'p' .. id)
			local m = record[1] and cjson.decode(record[1])
			looked = looked + 1
			if m and admit(id, m, popped[i + 1]) then
				m.n, m.s, m.w = (m.n or 0) + 1, now, worker
				local meta = cjson.encode(m)
				call('HSET', J, 'm' .. id, meta)
				local token = string.format('%.0f', m.n)
				call('ZADD', A, now + lease, token .. ':' .. id)
				got[#got + 1] = { id, token, meta, record[2] }
			end
		end
	end
	if call('EXISTS', R) == 1 then
		if looked >= 1000 then behind = true end
		wake() -- for another worker
	end
end

if behind then return { got, 0, lost } end
local soonest
for _, set in ipairs({ A, D, T }) do
	local first = call('ZRANGE', set, 0, 0, 'WITHSCORES')[2]
	if first and (not soonest or tonumber(first) < soonest) then soonest = tonumber(first) end
end
return { got, soonest and math.max(math.ceil(soonest - now), 1) or -1, lost }
