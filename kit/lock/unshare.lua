-- Gives a share back and wakes who can go on. KEYS: holders, own queue, readers,
-- writers. ARGV: whether PUBLISH counts all, id. Returns 1, or 0 if it was over.
if redis.call('ZREM', KEYS[1], ARGV[2]) == 0 then
	return 0
end
pcall(pass, KEYS[1], KEYS[3], KEYS[4], ARGV[1])
return 1
