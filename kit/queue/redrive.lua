-- Puts dead letters back. ARGV: ids. Returns for each 0 when there is no such dead
-- letter, -1 when its unique name is another's by now, otherwise 1.
local back = {}
for i, id in ipairs(ARGV) do
	local m = load(id)
	back[i] = 0
	if m and call('ZSCORE', X, id) then
		local holder = m.u and call('HGET', C, 'u:' .. m.u)
		if holder and holder ~= id then
			back[i] = -1
		else
			if m.u then
				call('HSET', C, 'u:' .. m.u, id)
				call('ZREM', T, 'u:' .. m.u)
			end
			call('ZREM', X, id)
			m.f, m.l, m.z = 0, 0, nil
			save(id, m)
			ready(id, m)
			back[i] = 1
		end
	end
end
return back
