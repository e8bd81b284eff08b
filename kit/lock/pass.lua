-- Passes on a baton whose taker has no use for it any more. KEYS: owner,
-- waiting, baton. Returns 1 if it is there again.
local left = redis.call('PTTL', KEYS[2])
if left <= 0 or redis.call('EXISTS', KEYS[1]) == 1 or redis.call('LLEN', KEYS[3]) > 0 then
	return 0
end
redis.call('RPUSH', KEYS[3], '1')
return redis.call('PEXPIRE', KEYS[3], left)
