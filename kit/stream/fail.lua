-- Answers for an event whose handler failed, if the consumer still has it: dead
-- letters, or again later. KEYS: the stream it came from, dead letters, what is
-- to be tried later. ARGV: group, consumer, id, what, whether the event came
-- from the retries ("1"), then "dead": payload, position, deliveries, reason;
-- "defer": payload, position, deliveries, the pause in ms; "later" and
-- "release": the idle time to begin with in ms.
local pending = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1)[1]
if not pending or pending[2] ~= ARGV[2] then return 0 end

-- finish takes the event from the stream's group; denied is asked before
-- anything is written.
local function denied()
	return redis.acl_check_cmd and not redis.acl_check_cmd('XACK', KEYS[1], ARGV[1], ARGV[3])
end
local function finish()
	redis.call('XACK', KEYS[1], ARGV[1], ARGV[3])
	if ARGV[5] == '1' then redis.call('XDEL', KEYS[1], ARGV[3]) end
	return 1
end

if ARGV[4] == 'dead' then
	if denied() then return redis.error_reply('NOPERM the group needs XACK') end
	redis.call('XADD', KEYS[2], '*', 'event', ARGV[6], 'position', ARGV[7], 'deliveries', ARGV[8], 'reason', ARGV[9])
	return finish()
elseif ARGV[4] == 'defer' then
	-- A pause beyond the visibility time cannot be kept in the group's list.
	if denied() then return redis.error_reply('NOPERM the group needs XACK') end
	local now = redis.call('TIME')
	local due = now[1] * 1000 + math.ceil(now[2] / 1000) + tonumber(ARGV[9])
	redis.call('ZADD', KEYS[3], string.format('%.0f', due), cmsgpack.pack(ARGV[3], ARGV[7], ARGV[8], ARGV[6]))
	return finish()
elseif ARGV[4] == 'later' then
	redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[3], 'IDLE', ARGV[6], 'RETRYCOUNT', pending[4], 'JUSTID')
else
	redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[3], 'IDLE', ARGV[6], 'RETRYCOUNT', pending[4] - 1, 'JUSTID')
end
return 1
