-- Extends leases. ARGV: the lease in ms, then members of active. Returns for each
-- 0 when it is no longer held, 2 when the job is to be cancelled, otherwise 1.
local held = {}
for i = 2, #ARGV do
	if call('ZSCORE', A, ARGV[i]) then
		call('ZADD', A, now + tonumber(ARGV[1]), ARGV[i])
		held[#held + 1] = 1 + call('HEXISTS', C, 'c:' .. ARGV[i]:match('^%d+:(.*)$'))
	else
		held[#held + 1] = 0
	end
end
return held
