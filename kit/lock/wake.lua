-- Wakes the process that has waited longest. A process that has died hears
-- nothing; then the next is woken. On a cluster PUBLISH does not count those
-- who listen at other nodes, so more than one may be woken.
local function wake(waiters, lock, most)
	for _ = 1, tonumber(most) do
		local first = redis.pcall('ZPOPMIN', waiters)
		if first.err or not first[1] then
			return 0
		end
		local heard = redis.pcall('PUBLISH', first[1], lock)
		if type(heard) == 'table' then
			return 0
		elseif heard > 0 then
			return 1
		end
	end
	return 0
end
