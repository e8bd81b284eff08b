-- Puts an account where it belongs, unless a newer one is there.
-- KEYS: account  ARGV: version user key password look
if tonumber(redis.call('HGET', KEYS[1], 'v') or 0) >= tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'v', ARGV[1], 'user', ARGV[2], 'key', ARGV[3], 'look', ARGV[5])
redis.call('HSETNX', KEYS[1], 'password', ARGV[4]) -- only a change of its own replaces one
return 1
