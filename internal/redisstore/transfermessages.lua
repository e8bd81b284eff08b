-- Adds messages to a room, those that are there already excepted. KEYS:
-- messages ARGV: number that must be reached, then for each: no id about text
local row = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local have = row and tonumber(string.match(row[1], '^%d+')) or 0
if have < tonumber(ARGV[1]) then return redis.error_reply('GAP the messages before ' .. ARGV[2] .. ' are not there') end
for i = 2, #ARGV, 4 do
  if tonumber(ARGV[i]) > have then redis.call('XADD', KEYS[1], ARGV[i] .. '-0', 'i', ARGV[i + 1], 'd', ARGV[i + 2], 't', ARGV[i + 3]) end
end
return 1
