-- Puts the end of a log there, with the entry that stands at it. Twice is as
-- good as once. KEYS: head log ARGV: seq, the entry's field and value, then the
-- fields of head with their values
for i = 4, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
if redis.call('EXISTS', KEYS[2]) == 0 then redis.call('XADD', KEYS[2], ARGV[1] .. '-0', ARGV[2], ARGV[3]) end
return 1
