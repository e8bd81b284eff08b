-- Takes over what nobody has answered within the visibility time, takes what
-- was redriven, and reports what the group has lost. What was delivered too
-- often goes to the dead letters. KEYS: stream, retries, dead letters, what
-- groups have lost. ARGV: group, consumer, visibility in ms, count, most
-- deliveries.
for _, cmd in ipairs({ 'XADD', 'XACK' }) do
	local args = cmd == 'XADD' and { KEYS[3], '*', 'x', 'y' } or { KEYS[1], ARGV[1], '1-1' }
	if not redis.acl_check_cmd(cmd, unpack(args)) then return redis.error_reply('NOPERM the group needs ' .. cmd .. ' for its streams') end
end
local events, gone, problem = {}, {}, ''
local left = tonumber(ARGV[4])
for which = 1, 2 do
	local cursor = '0-0'
	repeat
		if left <= 0 then break end
		local reply = redis.call('XAUTOCLAIM', KEYS[which], ARGV[1], ARGV[2], ARGV[3], cursor, 'COUNT', left)
		cursor = reply[1]
		for _, id in ipairs(reply[3] or {}) do gone[#gone + 1] = id end
		for _, entry in ipairs(reply[2]) do
			local id, f = entry[1], {}
			for i = 1, #entry[2], 2 do f[entry[2][i]] = entry[2][i + 1] end
			local times = redis.call('XPENDING', KEYS[which], ARGV[1], id, id, 1)[1][4]
			if times > tonumber(ARGV[5]) then
				-- An error, of a full Redis, must not keep from their handlers
				-- those that were claimed with it.
				local added = redis.pcall('XADD', KEYS[3], '*', 'event', f['event'] or '', 'position', f['position'] or id, 'deliveries', times - 1,
					'reason', 'nobody answered within the visibility time')
				if type(added) == 'table' and added.err then
					problem = added.err
				else
					redis.call('XACK', KEYS[which], ARGV[1], id)
					if which == 2 then redis.call('XDEL', KEYS[2], id) end
				end
			else
				events[#events + 1] = { which, id, times, f['event'] or '', f['position'] or id }
				left = left - 1
			end
		end
	until cursor == '0-0'
end
-- What was redriven is new in the retries.
if left > 0 then
	local reply = redis.call('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', left, 'STREAMS', KEYS[2], '>')
	for _, entry in ipairs(reply and reply[1][2] or {}) do
		local f = {}
		for i = 1, #entry[2], 2 do f[entry[2][i]] = entry[2][i + 1] end
		events[#events + 1] = { 2, entry[1], 1, f['event'], f['position'] }
	end
end
local lost = redis.call('HGET', KEYS[4], ARGV[1])
if lost then redis.call('HDEL', KEYS[4], ARGV[1]) end
return { events, gone, lost or '', problem }
