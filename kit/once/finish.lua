-- KEYS: the key. ARGV: who, how (extend, keep, free), for how long in ms, the
-- answer. Returns 1, or 0 when the key is another's. Keeping can be repeated.
local f = redis.call('HMGET', KEYS[1], 'o', 'd')
if f[1] ~= ARGV[1] then return f[2] == ARGV[1] and 1 or 0 end
if ARGV[2] == 'free' then
	redis.call('DEL', KEYS[1])
	return 1
end
if ARGV[2] == 'keep' then
	redis.call('HSET', KEYS[1], 'a', ARGV[4], 'd', ARGV[1])
	redis.call('HDEL', KEYS[1], 'o')
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
