-- Adds a job unless its id or its unique name is taken; returns '' or the id of
-- the job that has it. Meta is JSON without its closing brace; after has the ids of
-- the jobs to wait for, if any, which are there.
local function add(id, meta, payload, delay, at, unique, priority, after)
	if call('HEXISTS', J, 'm' .. id) == 1 then return id end
	if unique ~= '' then
		local holder = call('HGET', C, 'u:' .. unique)
		if holder then
			local ends = call('ZSCORE', T, 'u:' .. unique)
			if not ends or tonumber(ends) > now then return holder end
			call('ZREM', T, 'u:' .. unique)
		end
	end
	local waits = after and await(id, after) or 0
	if unique ~= '' then call('HSET', C, 'u:' .. unique, id) end
	local due = math.max(now + delay, at)
	if waits > 0 then
		call('ZADD', V, now, id)
		meta = meta .. ',"d":' .. waits
	elseif due > now then
		call('ZADD', D, due, id)
		wake() -- those who wait are to wait no longer than that
	else
		ready(id, { p = priority })
	end
	call('HSET', J, 'm' .. id, meta .. ',"at":' .. string.format('%.0f', now) .. '}', 'p' .. id, payload)
	return ''
end
