-- KEYS: sessions ARGV: touch id seen expires (as JSON each) | prune now touch
-- returns 1, or 0 if there is none. prune returns {when the next expires or -1,
-- hashes of the tokens of those gone…}.
if ARGV[1] == 'touch' then
  local json = redis.call('HGET', KEYS[1], ARGV[2])
  if not json then return 0 end
  local s = cjson.decode(json)
  s.seen, s.expires = tonumber(ARGV[3]), tonumber(ARGV[4])
  redis.call('HSET', KEYS[1], ARGV[2], cjson.encode(s))
  return 1
end
local now, next, reply = tonumber(ARGV[2]), -1, {-1}
local all = redis.call('HGETALL', KEYS[1])
for i = 1, #all, 2 do
  local s = cjson.decode(all[i + 1])
  if s.expires <= now then
    redis.call('HDEL', KEYS[1], all[i])
    reply[#reply + 1] = s.token
  elseif next < 0 or s.expires < next then
    next = s.expires
  end
end
reply[1] = next
return reply
