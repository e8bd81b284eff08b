-- Renews a node's lease and says who came to it and who went.
-- KEYS: online nodes, and the node's own set
-- ARGV: channel node lease-in-ms, then for each person: user, 1 here or 0 not
-- Returns how many people the node has, and the nodes whose lease is over.
local online, nodes, own = KEYS[1], KEYS[2], KEYS[3]
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
redis.call('ZADD', nodes, now + ARGV[3], ARGV[2])
for i = 4, #ARGV, 2 do
  local user, here = ARGV[i], ARGV[i + 1] == '1'
  local function anywhere() return #redis.call('ZRANGE', online, '[' .. user .. ' ', '(' .. user .. '!', 'BYLEX', 'LIMIT', 0, 1) > 0 end
  local was = anywhere()
  if here then
    redis.call('ZADD', online, 0, user .. ' ' .. ARGV[2])
    redis.call('SADD', own, user)
  else
    redis.call('ZREM', online, user .. ' ' .. ARGV[2])
    redis.call('SREM', own, user)
  end
  local is = anywhere()
  if was ~= is then
    redis.pcall('SPUBLISH', ARGV[1], '{"stream":"server","kind":"presence","user":"' .. user .. '"' .. (is and ',"online":true' or '') .. '}')
  end
end
return {redis.call('SCARD', own), redis.call('ZRANGE', nodes, '-inf', '(' .. string.format('%.0f', now), 'BYSCORE')}
