-- Chooses the period by the clock of Redis. ARGV[1]: when each of the periods
-- begins and when the last one ends, in ms; "0 0" where there is none; "fixed" and
-- when it ends where it is not the clock that chooses.
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local bounds, chosen = {}, 1
for ms in ARGV[1]:gmatch('%d+') do bounds[#bounds + 1] = tonumber(ms) end
if #bounds == 1 then
	bounds[2] = bounds[1]
elseif bounds[#bounds] > 0 then
	if now < bounds[1] or now >= bounds[#bounds] then
		return redis.error_reply('CLOCK the clocks of the caller and of Redis are more than a period apart')
	end
	while now >= bounds[chosen + 1] do chosen = chosen + 1 end
end
local period_end = bounds[chosen + 1]
