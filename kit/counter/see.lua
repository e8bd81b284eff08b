-- Adds to the sets of the period. KEYS: a HyperLogLog for each period. ARGV:
-- periods, how long it is kept after its end in ms, the members. Returns whether
-- the count has changed.
local changed = redis.call('PFADD', KEYS[chosen], unpack(ARGV, 3))
redis.call('PEXPIREAT', KEYS[chosen], string.format('%.0f', period_end + ARGV[2]))
return changed
