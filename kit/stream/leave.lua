-- Removes consumers that are gone and hold nothing: deleting one that does
-- would drop what it holds. KEYS: stream, retries. ARGV: group, the consumer
-- that leaves or nothing, the idle time in ms that tells the dead.
for _, key in ipairs(KEYS) do
	for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', key, ARGV[1])) do
		local c = {}
		for i = 1, #consumer, 2 do c[consumer[i]] = consumer[i + 1] end
		if c['pending'] == 0 and (c['name'] == ARGV[2] or c['idle'] > tonumber(ARGV[3])) then
			redis.call('XGROUP', 'DELCONSUMER', key, ARGV[1], c['name'])
		end
	end
end
return 1
