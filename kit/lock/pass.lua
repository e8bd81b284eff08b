-- Passes on a wake-up that nobody had a use for. KEYS: owner, waiters. ARGV:
-- whether PUBLISH counts all. Returns 1 if somebody was woken.
if redis.call('EXISTS', KEYS[1]) == 1 then
	return 0
end
return wake(KEYS[2], ARGV[1])
