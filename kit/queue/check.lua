-- Returns what the user may not do that scripts need, or ''. A script that is
-- denied a command half way would leave a job in no state. Redis tells since 7.0.
if not redis.acl_check_cmd then return '' end
local field, member = { J, C }, { R, D, A, X, F, T, B, V }
for _, cmd in ipairs({
	{ 'HSET', field, 'x', 'x' }, { 'HGET', field, 'x' }, { 'HMGET', field, 'x' }, { 'HDEL', field, 'x' }, { 'HEXISTS', field, 'x' },
	{ 'HINCRBY', field, 'x', '1' }, { 'ZADD', member, '1', 'x' }, { 'ZREM', member, 'x' }, { 'ZSCORE', member, 'x' },
	{ 'ZRANGE', member, '0', '0' }, { 'ZRANGEBYSCORE', member, '0', '0' }, { 'ZRANGEBYLEX', member, '[a', '[b' }, { 'ZPOPMIN', member, '1' },
	{ 'EXISTS', { R } }, { 'LLEN', { W } }, { 'LPUSH', { W }, 'x' }, { 'BLPOP', { W }, '1' }, { 'HGET', { S }, 'x' }, { 'HSET', { S }, 'x', 'x' },
}) do
	for _, key in ipairs(cmd[2]) do
		if not redis.acl_check_cmd(cmd[1], key, unpack(cmd, 3)) then return cmd[1] .. ' ' .. key end
	end
end
return ''
