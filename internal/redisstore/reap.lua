-- Takes away people of a node whose lease is over, some at a time. KEYS: online
-- nodes, the node's set ARGV: channel node limit. Returns 1 when there may be
-- more.
local online, nodes, own = KEYS[1], KEYS[2], KEYS[3]
local lease = redis.call('ZSCORE', nodes, ARGV[2])
local t = redis.call('TIME')
if lease and tonumber(lease) >= t[1] * 1000 + math.floor(t[2] / 1000) then return 0 end -- it is back
local users = redis.call('SPOP', own, ARGV[3])
for _, user in ipairs(users) do
  redis.call('ZREM', online, user .. ' ' .. ARGV[2])
  if #redis.call('ZRANGE', online, '[' .. user .. ' ', '(' .. user .. '!', 'BYLEX', 'LIMIT', 0, 1) == 0 then
    redis.pcall('SPUBLISH', ARGV[1], '{"stream":"server","kind":"presence","user":"' .. user .. '"}')
  end
end
if redis.call('EXISTS', own) == 1 then return 1 end
redis.call('ZREM', nodes, ARGV[2])
return 0
