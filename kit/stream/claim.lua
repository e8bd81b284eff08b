-- Takes over what nobody has answered within the visibility time, takes what is
-- due to be tried again and what was redriven, and reports what the group has
-- lost. What was delivered too often goes to the dead letters. KEYS: stream,
-- retries, dead letters, what groups have lost, what is to be tried later.
-- ARGV: group, consumer, visibility in ms, count, most deliveries.
for _, cmd in ipairs({ 'XADD', 'XACK' }) do
	local args = cmd == 'XADD' and { KEYS[3], '*', 'x', 'y' } or { KEYS[1], ARGV[1], '1-1' }
	if redis.acl_check_cmd and not redis.acl_check_cmd(cmd, unpack(args)) then
		return redis.error_reply('NOPERM the group needs ' .. cmd .. ' for its streams')
	end
end
local events, gone, problem = {}, {}, ''
local left = tonumber(ARGV[4])

-- fields returns the fields of an entry by their names. What something else
-- than append.lua appended has no event: its fields are the payload, as JSON.
local function fields(entry)
	local f = {}
	for i = 1, #entry[2], 2 do f[entry[2][i]] = entry[2][i + 1] end
	return f, f['event'] or cjson.encode(f)
end

-- What is due moves to the retries, with the deliveries that it has had.
if left > 0 then
	local now = redis.call('TIME')
	now = now[1] * 1000 + math.floor(now[2] / 1000)
	for _, what in ipairs(redis.call('ZRANGEBYSCORE', KEYS[5], '-inf', now, 'LIMIT', 0, left)) do
		local id, position, deliveries, event = cmsgpack.unpack(what)
		redis.call('XADD', KEYS[2], '*', 'event', event, 'position', position, 'deliveries', deliveries)
		redis.call('ZREM', KEYS[5], what)
	end
end

for which = 1, 2 do
	local cursor = '0-0'
	repeat
		if left <= 0 then break end
		local reply = redis.call('XAUTOCLAIM', KEYS[which], ARGV[1], ARGV[2], ARGV[3], cursor, 'COUNT', left)
		cursor = reply[1]
		for _, id in ipairs(reply[3] or {}) do gone[#gone + 1] = id end
		for i = 1, #reply[2] do
			local entry = reply[2][i]
			if entry then -- Redis 6.2 has a hole where an entry was deleted
				local id = entry[1]
				local f, event = fields(entry)
				local times = redis.call('XPENDING', KEYS[which], ARGV[1], id, id, 1)[1][4] + (tonumber(f['deliveries']) or 0)
				if times > tonumber(ARGV[5]) then
					-- An error, of a full Redis, must not keep from their handlers
					-- those that were claimed with it.
					local added = redis.pcall('XADD', KEYS[3], '*', 'event', event, 'position', f['position'] or id, 'deliveries', times - 1,
						'reason', 'nobody answered within the visibility time')
					if type(added) == 'table' and added.err then
						problem = added.err
					else
						redis.call('XACK', KEYS[which], ARGV[1], id)
						if which == 2 then redis.call('XDEL', KEYS[2], id) end
					end
				else
					events[#events + 1] = { which, id, times, event, f['position'] or id }
					left = left - 1
				end
			end
		end
	until cursor == '0-0'
end
-- What came to the retries just now, or was redriven, is new there.
if left > 0 then
	local reply = redis.call('XREADGROUP', 'GROUP', ARGV[1], ARGV[2], 'COUNT', left, 'STREAMS', KEYS[2], '>')
	for _, entry in ipairs(reply and reply[1][2] or {}) do
		local f, event = fields(entry)
		events[#events + 1] = { 2, entry[1], 1 + (tonumber(f['deliveries']) or 0), event, f['position'] }
	end
end
local lost = redis.call('HGET', KEYS[4], ARGV[1])
if lost then redis.call('HDEL', KEYS[4], ARGV[1]) end
return { events, gone, lost or '', problem }
