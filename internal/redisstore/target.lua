-- What annotations of messages are judged by, read at one moment.
-- KEYS: head messages members marks
-- ARGV: how many users, the users, the numbers of the messages
-- Returns nothing if there is no room, or {gate, trimmed, newest number, places
-- of the users, entries, annotations}, with false for what does not exist.
local h = redis.call('HMGET', KEYS[1], 'at', 'gate', 'trimmed')
if not h[1] then return {} end
local n = tonumber(ARGV[1])
local places = n > 0 and redis.call('HMGET', KEYS[3], unpack(ARGV, 2, n + 1)) or {}
local rows = {}
for i = n + 2, #ARGV do
  rows[#rows + 1] = redis.call('XRANGE', KEYS[2], ARGV[i], ARGV[i])[1] or false
end
return {h[2], h[3], string.match(h[1], '^%d+ (%d+)'), places, rows, redis.call('HMGET', KEYS[4], unpack(ARGV, n + 2))}
