-- A room as one member sees it, all of one moment.
-- KEYS: head messages members order reads  ARGV: user
local place = redis.call('HGET', KEYS[3], ARGV[1])
if not place then return {} end
local h = redis.call('HMGET', KEYS[1], 'at', 'room', 'trimmed')
local no = string.match(h[1], '^%d+ (%d+)')
local last = redis.call('XRANGE', KEYS[2], no, no)[1]
return {h[1], h[2], h[3] or '0', place, redis.call('HGET', KEYS[5], ARGV[1]) or '0', redis.call('ZCARD', KEYS[4]), last or false}
