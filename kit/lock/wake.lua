-- Wakes the process that has waited longest, and returns 1 if one was woken. A
-- process that has died hears nothing; then the next is woken. On a cluster
-- PUBLISH does not count those who listen at other nodes (counts is '0'): two
-- are woken there, to make up for one that has died.
local function wake(waiters, counts)
	local woken = 0
	for _ = 1, counts == '1' and 64 or 2 do
		local first = redis.pcall('ZPOPMIN', waiters)
		if first.err or not first[1] then
			return woken
		end
		local heard = redis.pcall('PUBLISH', first[1], waiters)
		if type(heard) == 'table' then
			return woken
		elseif heard > 0 then
			return 1
		elseif counts == '0' then
			woken = 1
		end
	end
	return woken
end
