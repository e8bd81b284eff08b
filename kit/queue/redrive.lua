-- Puts dead letters back. ARGV: ids. Returns for each 0 when there is no such dead
-- letter, -1 when its unique name is another's by now, -2 when a job that it waits
-- for is not there or will not be completed, otherwise 1.
local back = {}
for i, id in ipairs(ARGV) do
	local m = load(id)
	back[i] = 0
	if m and call('ZSCORE', X, id) then
		local holder = m.u and call('HGET', C, 'u:' .. m.u)
		local waits = 0
		if holder and holder ~= id then
			back[i] = -1
		else
			-- One that has been ready once has nothing more to wait for.
			if (m.d or 0) > 0 then waits = await(id, m.a) end
			if not waits then back[i] = -2 end
		end
		if back[i] == 0 then
			if m.u then
				call('HSET', C, 'u:' .. m.u, id)
				call('ZREM', T, 'u:' .. m.u)
			end
			call('ZREM', X, id)
			m.f, m.l, m.z, m.d = 0, 0, nil, waits
			save(id, m)
			if waits > 0 then call('ZADD', V, now, id) else ready(id, m) end
			back[i] = 1
		end
	end
end
return back
