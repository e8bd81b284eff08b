-- Begins a new lease on a share. KEYS: holders. ARGV: id, lease in ms. Returns
-- 1, or 0 if it is over.
local now = clock()
local left = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not left or tonumber(left) <= now then
	return 0
end
-- First what a full Redis allows; then it allows the rest of the script.
redis.call('PEXPIRE', KEYS[1], math.max(redis.call('PTTL', KEYS[1]), ARGV[2]))
redis.call('ZADD', KEYS[1], 'XX', now + ARGV[2], ARGV[1])
return 1
