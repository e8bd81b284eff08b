-- Records in a range of names, each with its name before it. KEYS: records ids
-- ARGV: from to limit
local page = {}
for _, name in ipairs(redis.call('ZRANGE', KEYS[2], ARGV[1], ARGV[2], 'BYLEX', 'LIMIT', 0, ARGV[3])) do
  page[#page + 1] = name
  page[#page + 1] = redis.call('HGET', KEYS[1], name)
end
return page
