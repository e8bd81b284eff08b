-- Reads the record that holds a unique value.
-- KEYS  index unique entries expiry
-- ARGV  base of record keys; the claim; the names of the fields to read
-- Answers {id, {values}}, or nothing.
local keys = { base = ARGV[1], index = KEYS[1], unique = KEYS[2], entries = KEYS[3], expiry = KEYS[4] }
local id = redis.call('HGET', keys.unique, ARGV[2])
if not id then return false end
local names = {}
for i = 3, #ARGV do names[#names + 1] = ARGV[i] end
local values = redis.call('HMGET', keys.base .. id, unpack(names))
if values[1] then return { id, values } end
pcall(function()
  drop(keys, id)
  redis.call('HDEL', keys.unique, ARGV[2])
end)
return false
