-- Appends events to a room's log, and does what goes with them, if everything
-- that they were judged by is as it was read.
-- KEYS: head log messages members marks marked edits
-- ARGV: channel window, then
--   what was read: a key's index, n, n fields, their n values, '' for none; …
--   'write', commands: n, name, a key's index, the rest of the n arguments; …
--   'append', events: id, JSON without its end, type and entry in the log; …
-- Returns nothing if something has changed, or {seq, prev} of each event.
local i = 3
while ARGV[i] ~= 'write' do
  local n = tonumber(ARGV[i + 1])
  for j, value in ipairs(redis.call('HMGET', KEYS[tonumber(ARGV[i])], unpack(ARGV, i + 2, i + 1 + n))) do
    if (value or '') ~= ARGV[i + 1 + n + j] then return {} end
  end
  i = i + 2 + 2 * n
end
local append = i + 1
while ARGV[append] ~= 'append' do append = append + 1 + tonumber(ARGV[append]) end

local head, log = KEYS[1], KEYS[2]
local seq, no, day, last = string.match(redis.call('HGET', head, 'at'), '^(%d+) (%d+) %d (%d+) (.*)$')
local from, newest = tonumber(seq), ARGV[#ARGV - 3]
-- The first write is refused by a Redis that is full: nothing is half done.
redis.call('HSET', head, 'at', from + (#ARGV - append) / 4 .. ' ' .. no .. ' 0 ' .. day .. ' ' .. newest, 'marked', '1')
i = i + 1
while i < append do
  local n = tonumber(ARGV[i])
  redis.call(ARGV[i + 1], KEYS[tonumber(ARGV[i + 2])], unpack(ARGV, i + 3, i + n))
  i = i + 1 + n
end
local replies = {}
for e = append + 1, #ARGV, 4 do
  local json, type, entry = ARGV[e + 1], ARGV[e + 2], ARGV[e + 3]
  seq = seq + 1
  redis.call('XADD', log, 'MAXLEN', '~', ARGV[2], seq .. '-0', type, entry)
  redis.pcall('SPUBLISH', ARGV[1], json .. ',"seq":' .. seq .. ',"prev":"' .. last .. '"}') -- the bell may fail, the log has it
  replies[#replies + 1] = {seq, last}
  last = ARGV[e]
end
return replies
