-- Frees the lock and wakes a process that waits. KEYS: owner, waiters. ARGV:
-- whether PUBLISH counts all, id. Returns 1, or 0 if the lock is not the caller's.
if redis.call('GET', KEYS[1]) ~= ARGV[2] then
	return 0
end
redis.call('DEL', KEYS[1])
-- The lock is free whatever becomes of waking, which those who wait do not
-- depend on.
wake(KEYS[2], ARGV[1])
return 1
