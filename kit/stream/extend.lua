-- Begins the visibility time of deliveries anew, whose handlers still run.
-- KEYS: the stream. ARGV: group, consumer, then ids. Returns the ids that are no
-- longer the consumer's.
local lost = {}
for i = 3, #ARGV do
	local pending = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1)[1]
	if pending and pending[2] == ARGV[2] then
		redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i], 'IDLE', 0, 'RETRYCOUNT', pending[4], 'JUSTID')
	else
		lost[#lost + 1] = ARGV[i]
	end
end
return lost
