-- Puts or deletes a record. KEYS: records ids ARGV: put name was value | delete
-- name Returns the version, 0 refused.
local records, ids, op, name = KEYS[1], KEYS[2], ARGV[1], ARGV[2]
local kept = redis.call('HGET', records, name)
if op == 'delete' then
  if not kept then return 0 end
  redis.call('HDEL', records, name)
  redis.call('ZREM', ids, name)
  return 1
end
local version = kept and string.match(kept, '^%d+') or '0'
if version ~= ARGV[3] then return 0 end
redis.call('HSET', records, name, (version + 1) .. ' ' .. ARGV[4])
redis.call('ZADD', ids, 0, name)
return version + 1
