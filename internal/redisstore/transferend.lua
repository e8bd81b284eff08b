-- The end of a log as it is at one moment. KEYS: head log
-- Returns {at, room, trimmed, newest entry}; what is not there is null.
local f = redis.call('HMGET', KEYS[1], 'at', 'room', 'trimmed')
return {f[1], f[2], f[3], redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1] or false}
