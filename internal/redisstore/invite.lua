-- KEYS: invites codes recent due
-- ARGV: create id code created expires json | delete id | due now limit
local invites, codes, recent, due = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local function delete(id)
  local json = redis.call('HGET', invites, id)
  if not json then return 0 end
  redis.call('HDEL', invites, id)
  redis.call('HDEL', codes, cjson.decode(json).code)
  redis.call('ZREM', recent, id)
  redis.call('ZREM', due, id)
  return 1
end
if ARGV[1] == 'create' then
  if redis.call('HEXISTS', invites, ARGV[2]) == 1 or redis.call('HEXISTS', codes, ARGV[3]) == 1 then return 0 end
  redis.call('HSET', invites, ARGV[2], ARGV[6])
  redis.call('HSET', codes, ARGV[3], ARGV[5] .. ' ' .. ARGV[2])
  redis.call('ZADD', recent, ARGV[4], ARGV[2])
  redis.call('ZADD', due, ARGV[5], ARGV[2])
  return 1
elseif ARGV[1] == 'delete' then
  return delete(ARGV[2])
end
local ids = redis.call('ZRANGE', due, '-inf', ARGV[2], 'BYSCORE', 'LIMIT', 0, ARGV[3])
for _, id in ipairs(ids) do delete(id) end
return #ids
