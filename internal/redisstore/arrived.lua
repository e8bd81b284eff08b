-- Forgets an account that has arrived, unless a newer one is on its way.
-- KEYS: arriving  ARGV: user, what was seen
if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then redis.call('HDEL', KEYS[1], ARGV[1]) end
return 0
