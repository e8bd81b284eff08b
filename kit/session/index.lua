-- Enters a session into its user's index, a sorted set of ids by the time of
-- entry.
--
-- KEYS[1]  index
-- ARGV     id, absolute limit in ms
-- Returns  1

local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local absolute = tonumber(ARGV[2])
-- What was entered longer ago than a session can live needs no list to find
-- out. Negative scores are revocations under way and stay until they are done.
redis.call('ZREMRANGEBYSCORE', KEYS[1], 0, string.format('%.0f', now - absolute - 60000))
redis.call('ZADD', KEYS[1], string.format('%.0f', now), ARGV[1])
local left = redis.call('PTTL', KEYS[1])
redis.call('PEXPIRE', KEYS[1], string.format('%.0f', math.max(left, absolute + 60000)))
return 1
