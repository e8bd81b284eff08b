-- A page of what stands in a hash, by the order of a sorted set. KEYS: order
-- data, and the head of a room that must be there ARGV: after limit
if KEYS[3] and redis.call('HEXISTS', KEYS[3], 'at') == 0 then return {-1} end
local ids = redis.call('ZRANGE', KEYS[1], ARGV[1] == '' and '-' or '(' .. ARGV[1], '+', 'BYLEX', 'LIMIT', 0, ARGV[2])
if #ids == 0 then return {} end
return {ids, redis.call('HMGET', KEYS[2], unpack(ids))}
