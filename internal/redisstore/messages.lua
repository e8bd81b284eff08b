-- A page of messages. KEYS: head messages marks ARGV: from no limit Returns
-- {-1}, nothing, or {rows, marks}: of a message that was deleted there is a
-- mark alone.
local h = redis.call('HMGET', KEYS[1], 'at', 'trimmed', 'marked')
local at, floor = h[1], tonumber(string.match(h[2] or '0', '^%d+'))
if not at then return {-1} end
local head, from, no, limit = tonumber(string.match(at, '^%d+ (%d+)')), ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local first, last = 1, head
if from == 'newest' then first = head - limit + 1
elseif from == 'before' then
  last = math.min(no - 1, head)
  first = last - limit + 1
elseif from == 'after' then
  first = math.min(math.max(no, floor), head) + 1
  last = first + limit - 1
else
  first = math.max(math.min(no, head + 1) - math.floor(limit / 2), floor + 1)
  last = first + limit - 1
end
first, last = math.max(first, floor + 1), math.min(last, head)
if first > last then return {} end
local rows = redis.call('XRANGE', KEYS[2], first, last)
if not h[3] then return {rows} end
local numbers = {}
for n = first, last do numbers[#numbers + 1] = n end
return {rows, overlay(KEYS[3], numbers)}
