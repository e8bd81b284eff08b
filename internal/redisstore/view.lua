-- A room as one member sees it, all of one moment. KEYS: head messages members
-- order reads marks marked ARGV: user most Where something has become of messages,
-- the last one's mark and the newest of marked that are not read come last.
local place = redis.call('HGET', KEYS[3], ARGV[1])
if not place then return {} end
local h = redis.call('HMGET', KEYS[1], 'at', 'room', 'trimmed', 'marked')
local no = string.match(h[1], '^%d+ (%d+)')
local last, read = redis.call('XRANGE', KEYS[2], no, no)[1], redis.call('HGET', KEYS[5], ARGV[1]) or '0'
local reply = {h[1], h[2], h[3] or '0', place, read, redis.call('ZCARD', KEYS[4]), last or false}
if h[4] then
  local floor = math.max(tonumber(string.match(h[3] or '0', '^%d+')), tonumber(string.match(read, '^%d+')))
  local function above(what) return redis.call('ZRANGE', KEYS[7], '(' .. what .. '!', '[' .. what .. ' ' .. string.format('%016d', floor + 1), 'BYLEX', 'REV', 'LIMIT', 0, ARGV[2]) end
  reply[8], reply[9], reply[10], reply[11] = redis.call('HGET', KEYS[6], no), above('d'), above('@' .. ARGV[1]), above('@*')
end
return reply
