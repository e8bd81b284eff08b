-- The pinned messages of a room, by number. KEYS: head messages marks marked
-- Returns {-1}, nothing, or {rows, marks}.
local h = redis.call('HMGET', KEYS[1], 'at', 'marked')
if not h[1] then return {-1} end
if not h[2] then return {} end
local numbers, rows = {}, {}
for i, p in ipairs(redis.call('ZRANGE', KEYS[4], '[p ', '(q', 'BYLEX')) do
  numbers[i] = tonumber(string.sub(p, 3))
  rows[i] = redis.call('XRANGE', KEYS[2], numbers[i], numbers[i])[1]
end
return {rows, overlay(KEYS[3], numbers)}
