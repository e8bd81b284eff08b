-- The entries of a log from the place on, that one included, and the messages
-- among them. KEYS: head log messages marks ARGV: place count room? Returns
-- {-1, code} or {seq, entries, messages, marks}: of a message that was deleted
-- there is a mark alone.
local h = redis.call('HMGET', KEYS[1], 'at', 'marked')
local at, marked = h[1], h[2]
if ARGV[3] == '1' and not at then return {-1, 'not_found'} end
local seq, place = tonumber(string.match(at or '0', '^%d+')), tonumber(ARGV[1])
if place > seq then return {-1, 'resync'} end
local rows = redis.call('XRANGE', KEYS[2], ARGV[1], '+', 'COUNT', ARGV[2])
local low, high
local numbers, wanted, changed = {}, {}, {} -- a message comes once, however often it was changed
for _, row in ipairs(rows) do
  local kind, n = row[2][1], row[2][2]
  if kind == 'm' then
    low = low or n
    high = n
  elseif kind == 'c' then
    n = string.match(n, '%d+$')
    changed[#changed + 1] = n
  end
  if (kind == 'm' or kind == 'c') and not wanted[n] then
    wanted[n] = true
    numbers[#numbers + 1] = n
  end
end
local messages = low and redis.call('XRANGE', KEYS[3], low, high) or {}
for _, n in ipairs(changed) do
  if wanted[n] and not (low and tonumber(n) >= tonumber(low) and tonumber(n) <= tonumber(high)) then
    messages[#messages + 1] = redis.call('XRANGE', KEYS[3], n, n)[1]
    wanted[n] = nil
  end
end
return {seq, rows, messages, marked and overlay(KEYS[4], numbers) or {}}
