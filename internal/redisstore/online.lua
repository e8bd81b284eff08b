-- Says who is online.
-- KEYS: online
-- ARGV: people
-- Returns those of them who are on some node.
local there = {}
for _, user in ipairs(ARGV) do
  if #redis.call('ZRANGE', KEYS[1], '[' .. user .. ' ', '(' .. user .. '!', 'BYLEX', 'LIMIT', 0, 1) > 0 then
    there[#there + 1] = user
  end
end
return there
