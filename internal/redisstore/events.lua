-- The entries of a log from the place on, that one included, and the messages among them.
-- KEYS: head log messages  ARGV: place count room?
-- Returns {-1, code} or {seq, entries, messages}.
local at = redis.call('HGET', KEYS[1], 'at')
if ARGV[3] == '1' and not at then return {-1, 'not_found'} end
local seq, place = tonumber(string.match(at or '0', '^%d+')), tonumber(ARGV[1])
if place > seq then return {-1, 'resync'} end
local rows = redis.call('XRANGE', KEYS[2], ARGV[1], '+', 'COUNT', ARGV[2])
local low, high
for _, row in ipairs(rows) do
  if row[2][1] == 'm' then
    low = low or row[2][2]
    high = row[2][2]
  end
end
return {seq, rows, low and redis.call('XRANGE', KEYS[3], low, high) or {}}
