-- Answers for an event whose handler failed, if the consumer still has it: dead
-- letters, or again later. KEYS: the stream it came from, dead letters. ARGV:
-- group, consumer, id, what, then "dead": payload, position, reason; "later":
-- the idle time to begin with in ms; "release": the same.
local pending = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1)[1]
if not pending or pending[2] ~= ARGV[2] then return 0 end
if ARGV[4] == 'dead' then
	if not redis.acl_check_cmd('XACK', KEYS[1], ARGV[1], ARGV[3]) then return redis.error_reply('NOPERM the group needs XACK') end
	redis.call('XADD', KEYS[2], '*', 'event', ARGV[5], 'position', ARGV[6], 'deliveries', pending[4], 'reason', ARGV[7])
	redis.call('XACK', KEYS[1], ARGV[1], ARGV[3])
	if ARGV[8] == '1' then redis.call('XDEL', KEYS[1], ARGV[3]) end
elseif ARGV[4] == 'later' then
	redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[3], 'IDLE', ARGV[5], 'RETRYCOUNT', pending[4], 'JUSTID')
else
	redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[3], 'IDLE', ARGV[5], 'RETRYCOUNT', pending[4] - 1, 'JUSTID')
end
return 1
